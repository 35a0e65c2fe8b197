# Bottleneck width 58 in place of 116.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(backbone=dict(adapters=[dict(type='FEAdapter', slot='before_attn', blocks='all', width=58)]))
