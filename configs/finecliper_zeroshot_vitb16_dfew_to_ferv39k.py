# Zero-shot evaluation on FERV39k of what was trained on the captions of DFEW.
_base_ = [
    '_base_/models/finecliper_zeroshot_vitb16.py', '_base_/datasets/ferv39k.py',
    '_base_/schedules/finecliper_30e.py', '_base_/default_runtime.py'
]

model = dict(cls_head=dict(texts=dict(dataset='ferv39k')))
