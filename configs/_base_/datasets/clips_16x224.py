# What the video sets share: 16 frames of 224x224 from as many segments of a clip, augmented alike over its frames, and
# the loaders but for the data set. In pieces, for the files that put other steps between them.
crop = dict(type='RandomResizedCrop', area_range=(0.7, 1.0), aspect_ratio_range=(0.85, 1.18))
flip = dict(type='Flip', flip_ratio=0.5)
train_view = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=16),
    dict(type='ClipDecode'), crop,
    dict(type='Resize', scale=(224, 224), keep_ratio=False), flip
]
jitter = dict(type='ClipColorJitter', brightness=0.3, contrast=0.3, saturation=0.2, hue=0.05)
test_view = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=16, test_mode=True),
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(-1, 224)),
    dict(type='CenterCrop', crop_size=224)
]
formatting = dict(type='FormatShape', input_format='NCTHW')
packing = dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))

train_pipeline = [*train_view, jitter, formatting, packing]
test_pipeline = [*test_view, formatting, packing]

train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='train', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(type='RecallMetric')
test_evaluator = val_evaluator
