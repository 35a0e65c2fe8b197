# DFEW as in datasets/dfew.py, with RandAugment, rotation and erasing, each drawn once a clip.
_base_ = ['../datasets/dfew.py']

train_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=16),
    dict(type='ClipDecode'),
    dict(type='RandomResizedCrop', area_range=(0.7, 1.0), aspect_ratio_range=(0.85, 1.18)),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='TorchVisionWrapper', op='RandAugment', num_ops=2, magnitude=9, fill=[124., 116., 104.]),
    dict(type='TorchVisionWrapper', op='RandomRotation', degrees=10, fill=[124., 116., 104.]),
    dict(type='RandomErasing', erase_prob=0.25, mode='const', fill_color=(124, 116, 104)),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
