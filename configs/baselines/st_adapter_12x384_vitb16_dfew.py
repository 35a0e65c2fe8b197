# CLIP with ST-Adapter, 12x384 (NeurIPS 2022): one before each MLP; its rate for 256 clips and its weight decay.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_3e-4_30e.py',
    '../_base_/default_runtime.py'
]

model = dict(
    backbone=dict(
        average_frames=True, adapters=dict(st_mlp=dict(type='STAdapter', slot='before_ffn', width=384))),
    cls_head=dict(dropout=0.5))
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=1e-2), paramwise_cfg=dict(bias_decay_mult=0.))
auto_scale_lr = dict(base_batch_size=256)
