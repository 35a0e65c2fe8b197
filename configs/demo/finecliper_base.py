# Demo, FineCLIPER with frames and label texts alone: the frozen ViT of the image stage and AIM's adapters, and small
# text towers with random weights, which stay frozen but for their adapters. Others below add maps and captions.
_base_ = ['../_base_/default_runtime.py']

data_root = 'data/demo'
size = 48
num_frames = 8
epochs = 2

frames = dict(
    type='AdapterViT',
    arch=dict(embed_dims=96, num_layers=4, num_heads=4, feedforward_channels=384),
    img_size=size,
    patch_size=8,
    temporal_embedding=num_frames,
    adapters=[
        dict(type='BottleneckAdapter', slot='temporal_attn', width=24, skip=False),
        dict(type='BottleneckAdapter', slot='attn_out', width=24),
        dict(type='BottleneckAdapter', slot='parallel_ffn', width=24, skip=False, scale=0.5)
    ],
    freeze=True,
    init_cfg=dict(type='Pretrained', checkpoint='work_dirs/demo/image_stage/best.pth'))
labels = dict(
    type='CLIPTextEncoder',
    arch=dict(embed_dims=96, num_layers=2, num_heads=4, feedforward_channels=192, proj_dim=96),
    context_length=77,
    adapters=[
        dict(type='BottleneckAdapter', slot='before_attn', width=24),
        dict(type='BottleneckAdapter', slot='before_ffn', width=24)
    ],
    freeze=True,
    init_cfg=None)

model = dict(
    type='FineCLIPER',
    backbone=frames,
    cls_head=dict(
        type='FineCLIPERHead',
        num_classes=7,
        in_channels=96,
        text_encoder=labels,
        texts=dict(dataset='dfew', source='noun', templates=['A person with an expression of {}.']),
        negative_encoder=labels,
        negative_texts=dict(templates=['A person with an expression of no {}.']),
        temperature=0.01),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        format_shape='NCTHW'))

train_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=num_frames),
    dict(type='ClipDecode'),
    dict(type='RandomResizedCrop', area_range=(0.85, 1.0), aspect_ratio_range=(0.95, 1.05)),
    dict(type='Resize', scale=(size, size), keep_ratio=False, interpolation='area'),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]
test_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=num_frames, test_mode=True),
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(-1, size), interpolation='area'),
    dict(type='CenterCrop', crop_size=size),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='DFEWDataset', data_root=data_root, fold=1, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='DFEWDataset', data_root=data_root, fold=1, split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
val_evaluator = dict(type='RecallMetric')
test_evaluator = val_evaluator

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=1e-2),
    clip_grad=dict(max_norm=1.0))
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=epochs, convert_to_iter_based=True)
]
