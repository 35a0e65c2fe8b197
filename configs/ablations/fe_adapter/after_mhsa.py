# Position: after the attention's residual.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(backbone=dict(adapters=[dict(type='FEAdapter', slot='after_attn', blocks='all', width=116)]))
