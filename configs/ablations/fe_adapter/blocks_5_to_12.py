# Blocks that carry an adapter: 5-12 of 12.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(backbone=dict(adapters=[dict(type='FEAdapter', slot='before_attn', blocks='5-12', width=116)]))
