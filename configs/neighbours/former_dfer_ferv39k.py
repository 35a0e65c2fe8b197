# Former-DFER (ACM MM 2021) on FERV39k.
_base_ = [
    '../_base_/models/former_dfer.py', '../_base_/datasets/ferv39k.py', '../_base_/augment/cnn_112.py',
    '../_base_/schedules/former_dfer_100e.py', '../_base_/default_runtime.py'
]

train_pipeline, test_pipeline = _base_.former_dfer.train, _base_.former_dfer.test
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=32, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
