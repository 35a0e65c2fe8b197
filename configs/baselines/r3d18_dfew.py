# 3D ResNet-18 (CVPR 2018) on DFEW, fully fine-tuned.
_base_ = [
    '../_base_/models/r3d18.py', '../_base_/datasets/dfew_112.py', '../_base_/schedules/adamw_1e-4_100e.py',
    '../_base_/default_runtime.py'
]
