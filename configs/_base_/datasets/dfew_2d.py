# DFEW as in dfew.py, for recognisers of images: MMAction2's own sampler gives 16 clips of one frame.
_base_ = ['dfew.py']

train_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleFrames', clip_len=1, num_clips=16),
    dict(type='ClipDecode'),
    dict(type='RandomResizedCrop', area_range=(0.7, 1.0), aspect_ratio_range=(0.85, 1.18)),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='ClipColorJitter', brightness=0.3, contrast=0.3, saturation=0.2, hue=0.05),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]
test_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleFrames', clip_len=1, num_clips=16, test_mode=True),
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(-1, 224)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
