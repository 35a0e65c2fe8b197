# The demo's synthetic clips, in DFEW's layout: 8 frames of 48x48. In pieces, as dfew.py's pipelines are. The faces have
# places, sizes and turns of their own; crops beside that cost a model this small half of its epochs.
data_root = 'data/demo'
size = 48
num_frames = 8

train_view = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=num_frames),
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(size, size), keep_ratio=False, interpolation='area'),
    dict(type='Flip', flip_ratio=0.5)
]
test_view = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=num_frames, test_mode=True),
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(-1, size), interpolation='area'),
    dict(type='CenterCrop', crop_size=size)
]
formatting = dict(type='FormatShape', input_format='NCTHW')
packing = dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
packing_captions = dict(packing, meta_keys=('video_id', 'img_shape', 'caption'))

train_pipeline = [*train_view, formatting, packing]
test_pipeline = [*test_view, formatting, packing]

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='DemoDataset', data_root=data_root, fold=1, split='train', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='DemoDataset', data_root=data_root, fold=1, split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
val_evaluator = dict(type='RecallMetric')
test_evaluator = val_evaluator
