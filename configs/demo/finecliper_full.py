# Demo, FineCLIPER whole: the base with parsing and landmark maps through one encoder, and captions. Maps and captions
# are made from the set's known geometry and action units (make_demo_clips.py --maps). The captions' text tower trains
# whole: its weights are random, and a caption has more to tell than adapters alone make of them.
_base_ = ['finecliper_base.py']

model = dict(
    map_encoder=dict(
        _base_.frames,
        adapters=[
            dict(type='BottleneckAdapter', slot='temporal_attn', width=20, skip=False),
            dict(type='BottleneckAdapter', slot='attn_out', width=20),
            dict(type='BottleneckAdapter', slot='parallel_ffn', width=20, skip=False, scale=0.5)
        ]),
    caption_encoder=dict(_base_.labels, context_length=248, adapters=[], freeze=False))

train_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=_base_.num_frames),
    dict(type='ClipDecode'),
    dict(type='RandomResizedCrop', area_range=(0.85, 1.0), aspect_ratio_range=(0.95, 1.05)),
    dict(type='Resize', scale=(_base_.size, _base_.size), keep_ratio=False, interpolation='area'),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='LoadFaceMaps', what=('parsing', 'landmarks')),
    dict(type='LoadCaption'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(
        type='PackActionInputs',
        meta_keys=('video_id', 'img_shape', 'caption'),
        algorithm_keys=('parsing_maps', 'landmark_maps', 'has_face_maps'))
]
test_pipeline = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=_base_.num_frames, test_mode=True),
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(-1, _base_.size), interpolation='area'),
    dict(type='CenterCrop', crop_size=_base_.size),
    dict(type='LoadFaceMaps', what=('parsing', 'landmarks')),
    dict(type='LoadCaption'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(
        type='PackActionInputs',
        meta_keys=('video_id', 'img_shape', 'caption'),
        algorithm_keys=('parsing_maps', 'landmark_maps', 'has_face_maps'))
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
