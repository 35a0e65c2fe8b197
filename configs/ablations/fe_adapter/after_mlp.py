# Position: after the MLP, at the block's end.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(backbone=dict(adapters=[dict(type='FEAdapter', slot='after_ffn', blocks='all', width=116)]))
