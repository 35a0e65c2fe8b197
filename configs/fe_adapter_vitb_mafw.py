# FE-Adapter on MAFW's 11 single labels.
_base_ = [
    '_base_/models/adapter_vitb.py', '_base_/datasets/mafw.py', '_base_/schedules/adamw_5e-4_100e.py',
    '_base_/default_runtime.py'
]

model = dict(
    backbone=dict(adapters=dict(fe=dict(type='FEAdapter', slot='before_attn', blocks='all', width=116))))
