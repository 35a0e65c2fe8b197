# CLIP's mean class token and a linear classifier: nothing else is tuned.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_3e-4_30e.py',
    '../_base_/default_runtime.py'
]
