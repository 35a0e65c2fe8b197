# EmoCLIP (FG 2024) on DFEW, trained with labels against descriptions of the classes.
_base_ = [
    '../_base_/models/emoclip_vitb32.py', '../_base_/datasets/dfew.py', '../_base_/augment/emoclip_clips.py',
    '../_base_/schedules/emoclip_50e.py', '../_base_/default_runtime.py'
]

train_pipeline = [*_base_.emoclip_fourth.train, *_base_.emoclip_end]
test_pipeline = [*_base_.emoclip_fourth.test, *_base_.emoclip_end]
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
