# D²Conv3D in the last two stages of MMAction2's ResNet3d-18, on DFEW.
_base_ = [
    '../_base_/models/r3d18.py', '../_base_/datasets/dfew_112.py', '../_base_/schedules/adamw_1e-4_100e.py',
    '../_base_/default_runtime.py'
]

model = dict(backbone=dict(type='D2ResNet3d', d2_stages=(3, 4)))
