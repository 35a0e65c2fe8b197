# Demo, FineCLIPER with frames and captions, without maps; the captions' text tower trains whole, as its weights are
# random and a caption has more to tell than adapters alone make of them.
_base_ = ['finecliper_base.py']

model = dict(caption_encoder=dict(_base_.labels, context_length=248, adapters=[], freeze=False))

train_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=_base_.num_frames),
    dict(type='ClipDecode'),
    dict(type='RandomResizedCrop', area_range=(0.85, 1.0), aspect_ratio_range=(0.95, 1.05)),
    dict(type='Resize', scale=(_base_.size, _base_.size), keep_ratio=False, interpolation='area'),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='LoadCaption'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape', 'caption'))
]
test_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=_base_.num_frames, test_mode=True),
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(-1, _base_.size), interpolation='area'),
    dict(type='CenterCrop', crop_size=_base_.size),
    dict(type='LoadCaption'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape', 'caption'))
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
