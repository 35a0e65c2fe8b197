# DFEW as in dfew.py, at 112x112: what C3D and R3D-18 want.
_base_ = ['dfew.py']

train_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=16),
    dict(type='ClipDecode'),
    dict(type='RandomResizedCrop', area_range=(0.7, 1.0), aspect_ratio_range=(0.85, 1.18)),
    dict(type='Resize', scale=(112, 112), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='ClipColorJitter', brightness=0.3, contrast=0.3, saturation=0.2, hue=0.05),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]
test_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=16, test_mode=True),
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(-1, 112)),
    dict(type='CenterCrop', crop_size=112),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
