# CLIP trained on MAFW's English captions alone, no labels; validated by class texts on the set's own test lists.
_base_ = [
    '_base_/models/contrastive_clip_vitb16.py', '_base_/datasets/mafw.py', '_base_/schedules/finecliper_30e.py',
    '_base_/default_runtime.py'
]

train_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=16),
    dict(type='ClipDecode'),
    dict(type='RandomResizedCrop', area_range=(0.7, 1.0), aspect_ratio_range=(0.85, 1.18)),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='ClipColorJitter', brightness=0.3, contrast=0.3, saturation=0.2, hue=0.05),
    dict(type='LoadCaption', missing='leave_out'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape', 'caption'))
]
train_dataloader = dict(dataset=dict(captions=True, lists='with_caption', pipeline=train_pipeline))
