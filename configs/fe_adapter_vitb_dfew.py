# FE-Adapter on DFEW: a frozen image ViT-B/16 with a D²Conv3D adapter before the attention of every block.
_base_ = [
    '_base_/models/adapter_vitb.py', '_base_/datasets/dfew.py', '_base_/schedules/adamw_5e-4_100e.py',
    '_base_/default_runtime.py'
]

model = dict(
    backbone=dict(adapters=dict(fe=dict(type='FEAdapter', slot='before_attn', blocks='all', width=116))))
