# Demo, second stage with FE-Adapter in every block of the frozen ViT.
_base_ = ['temporal_aggregation.py']

model = dict(
    backbone=dict(adapters=[dict(type='FEAdapter', slot='before_attn', blocks='all', width=24)]))
