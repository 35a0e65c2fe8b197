# IAL (AAAI 2023) on DFEW.
_base_ = [
    '../_base_/models/ial.py', '../_base_/datasets/dfew.py', '../_base_/augment/cnn_112.py',
    '../_base_/schedules/ial_70e.py', '../_base_/default_runtime.py'
]

train_pipeline, test_pipeline = _base_.ial.train, _base_.ial.test
train_dataloader = dict(batch_size=40, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=40, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
