# Demo, FineCLIPER whole: the base with parsing and landmark maps through one encoder, and captions. Maps and captions
# are made from the set's known geometry and action units (make_demo_clips.py --maps). The captions' text tower trains
# whole: its weights are random, and a caption has more to tell than adapters alone make of them.
_base_ = ['finecliper_base.py']

maps = dict(
    _base_.frames,
    adapters=dict(
        temporal=dict(type='BottleneckAdapter', slot='temporal_attn', width=20),
        spatial=dict(type='BottleneckAdapter', slot='attn_out', width=20),
        mlp=dict(type='BottleneckAdapter', slot='parallel_ffn', width=20, scale=0.5)))
captions = dict(_base_.labels, context_length=248, adapters=dict(), freeze=False)

model = dict(
    encoders=dict(map=maps),
    modalities=dict(
        parsing=dict(type='MapModality', key='parsing_maps', encoder='map'),
        landmarks=dict(type='MapModality', key='landmark_maps', encoder='map'),
        caption=dict(type='CaptionModality', encoder=captions)))

load = [dict(type='LoadFaceMaps', what=('parsing', 'landmarks')), dict(type='LoadCaption')]
pack = dict(_base_.packing_captions, algorithm_keys=('parsing_maps', 'landmark_maps', 'has_face_maps'))

train_pipeline = [*_base_.train_view, *load, _base_.formatting, pack]
test_pipeline = [*_base_.test_view, *load, _base_.formatting, pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
