# DFEW as in dfew.py, at 112x112: what C3D and R3D-18 want.
_base_ = ['dfew.py']

train_pipeline = [
    *_base_.train_view[:4],
    dict(type='Resize', scale=(112, 112), keep_ratio=False), _base_.flip, _base_.jitter, _base_.formatting,
    _base_.packing
]
test_pipeline = [
    *_base_.test_view[:3],
    dict(type='Resize', scale=(-1, 112)),
    dict(type='CenterCrop', crop_size=112), _base_.formatting, _base_.packing
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
