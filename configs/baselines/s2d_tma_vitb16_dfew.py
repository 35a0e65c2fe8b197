# CLIP with S2D's temporal-modelling adapter before each block.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_3e-4_30e.py',
    '../_base_/default_runtime.py'
]

model = dict(backbone=dict(adapters=dict(tma=dict(type='TemporalModelingAdapter', slot='before_attn', reduction=4))))
