# CLIP's image encoder tuned whole, with a thirtieth of the adapters' rate.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_3e-4_30e.py',
    '../_base_/default_runtime.py'
]

model = dict(backbone=dict(freeze=False))
optim_wrapper = dict(optimizer=dict(lr=1e-5))
