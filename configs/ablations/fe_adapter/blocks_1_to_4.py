# Blocks that carry an adapter: 1-4 of 12.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(backbone=dict(adapters=[dict(type='FEAdapter', slot='before_attn', blocks='1-4', width=116)]))
