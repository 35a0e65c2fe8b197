# M3DFEL (CVPR 2023) on FERV39k.
_base_ = [
    '../_base_/models/m3dfel.py', '../_base_/datasets/ferv39k.py', '../_base_/augment/cnn_112.py',
    '../_base_/schedules/m3dfel_300e.py', '../_base_/default_runtime.py'
]

train_pipeline, test_pipeline = _base_.m3dfel.train, _base_.m3dfel.test
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=32, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
