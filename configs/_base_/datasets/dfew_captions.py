# DFEW as in dfew.py, with the captions of the clips: tools/data/caption_clips.py makes them.
_base_ = ['dfew.py']

load = [dict(type='LoadCaption')]
pack = dict(
    _base_.packing,
    meta_keys=('video_id', 'img_shape', 'caption'))

train_pipeline = [*_base_.train_view, *load, _base_.jitter, _base_.formatting, pack]
test_pipeline = [*_base_.test_view, *load, _base_.formatting, pack]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
