# DFEW as in dfew.py, with face maps beside the frames: tools/data/extract_faces.py makes them.
_base_ = ['dfew.py']

load = [dict(type='LoadFaceMaps', what=('parsing', 'landmarks'))]
pack = dict(
    _base_.packing,
    algorithm_keys=('parsing_maps', 'landmark_maps', 'has_face_maps'))

train_pipeline = [*_base_.train_view, *load, _base_.jitter, _base_.formatting, pack]
test_pipeline = [*_base_.test_view, *load, _base_.formatting, pack]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
