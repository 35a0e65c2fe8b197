# FE-Adapter in MMAction2's TimeSformer, frozen, on DFEW.
_base_ = [
    '../_base_/models/timesformer_vitb.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_5e-4_100e.py',
    '../_base_/default_runtime.py'
]

model = dict(
    backbone=dict(
        _delete_=True, type='AdaptedBackbone', backbone=_base_.model.backbone, layout='timesformer',
        pattern=r'transformer_layers\.layers\.\d+', freeze=True,
        adapters=dict(fe=dict(type='FEAdapter', slot='before', width=116))))
