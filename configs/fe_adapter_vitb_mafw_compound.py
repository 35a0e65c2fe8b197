# FE-Adapter on MAFW's 43 compound labels, for which the paper has no figures.
_base_ = [
    '_base_/models/adapter_vitb.py', '_base_/datasets/mafw_compound.py', '_base_/schedules/adamw_5e-4_100e.py',
    '_base_/default_runtime.py'
]

model = dict(
    backbone=dict(adapters=dict(fe=dict(type='FEAdapter', slot='before_attn', blocks='all', width=116))))
