# ST-Adapter before the MLP of each block (12x384): 7.11 M, and the classifier.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_5e-4_100e.py',
    '../_base_/default_runtime.py'
]

model = dict(
    backbone=dict(adapters=[dict(type='STAdapter', slot='before_ffn', blocks='all', width=384)], norm_clip=True),
    cls_head=dict(dropout=0.5))

# The release's: 1e-3 for 256 clips, no decay on biases.
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=1e-2), paramwise_cfg=dict(bias_decay_mult=0.))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=True, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=2, T_max=98, end=100, eta_min=0, convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=256)
