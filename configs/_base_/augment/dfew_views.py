# DFEW as in datasets/dfew.py, trained and tested on windows of 16 frames, 4 apart, as MAE-DFER does (FERV39k: stride=1);
# tested by 2 windows x 3 crops. Frames of clip_224x224 are square, so its three crops are one and 2 views are run.
_base_ = ['../datasets/dfew.py']

train_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleWindow', num_frames=16, stride=4),
    dict(type='ClipDecode'),
    dict(type='RandomResizedCrop', area_range=(0.7, 1.0), aspect_ratio_range=(0.85, 1.18)),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='ColorJitter', brightness=0.3, contrast=0.3, saturation=0.2, hue=0.05),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]
val_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleWindow', num_frames=16, stride=4, test_mode=True),
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(-1, 224)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]
test_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleWindow', num_frames=16, stride=4, num_windows=2, test_mode=True),
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(-1, 224)),
    dict(type='ThreeCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(batch_size=4, dataset=dict(pipeline=test_pipeline))
