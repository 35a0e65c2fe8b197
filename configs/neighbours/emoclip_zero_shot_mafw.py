# EmoCLIP (FG 2024) trained on MAFW's English captions alone, no labels; tested by descriptions of the classes, here on
# MAFW's test lists, on other sets by emoclip_zero_shot_dfew.py and emoclip_zero_shot_ferv39k.py.
_base_ = [
    '../_base_/models/emoclip_zero_shot_vitb32.py', '../_base_/datasets/mafw.py', '../_base_/augment/emoclip_clips.py',
    '../_base_/schedules/emoclip_zero_shot_30e.py', '../_base_/default_runtime.py'
]

train_pipeline = [*_base_.emoclip_second.train, *_base_.emoclip_caption_end]
test_pipeline = [*_base_.emoclip_second.test, *_base_.emoclip_end]
train_dataloader = dict(
    batch_size=64, dataset=dict(captions=True, lists='with_caption', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
