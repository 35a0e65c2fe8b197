_base_ = [
    '../../_base_/models/finecliper_vitb16.py', '../../_base_/datasets/ferv39k_maps.py',
    '../../_base_/schedules/finecliper_30e.py', '../../_base_/default_runtime.py'
]

model = dict(
    map_encoder=_base_.map_encoder,
    cls_head=dict(texts=dict(dataset='ferv39k')))
