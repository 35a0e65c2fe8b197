# Demo, second stage with FE-Adapter in every block of the frozen ViT.
_base_ = ['temporal_aggregation.py']

model = dict(
    backbone=dict(adapters=dict(fe=dict(type='FEAdapter', slot='before_attn', blocks='all', width=24))))

train_cfg = dict(max_epochs=12)
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=12, convert_to_iter_based=True)
]
