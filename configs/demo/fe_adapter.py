# Demo, second stage with FE-Adapter in every block of the frozen ViT. Small batches: only the direction of time tells
# surprise from fear, and the adapters need many steps to find it.
_base_ = ['temporal_aggregation.py']

model = dict(
    backbone=dict(adapters=dict(fe=dict(type='FEAdapter', slot='before_attn', blocks='all', width=24))))

epochs = 9
train_cfg = dict(max_epochs=epochs)
train_dataloader = dict(batch_size=8)
optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=epochs, convert_to_iter_based=True)
]
