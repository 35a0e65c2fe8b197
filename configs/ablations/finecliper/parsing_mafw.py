_base_ = [
    '../../_base_/models/finecliper_vitb16.py', '../../_base_/datasets/mafw_maps.py',
    '../../_base_/schedules/finecliper_30e.py', '../../_base_/default_runtime.py'
]

model = dict(
    map_encoder=_base_.map_encoder,
    maps=('parsing', ),
    cls_head=dict(num_classes=11, texts=dict(dataset='mafw')))
