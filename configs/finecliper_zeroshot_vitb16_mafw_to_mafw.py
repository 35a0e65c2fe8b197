# Zero-shot evaluation on MAFW of what was trained on the captions of MAFW.
_base_ = [
    '_base_/models/finecliper_zeroshot_vitb16.py', '_base_/datasets/mafw.py',
    '_base_/schedules/finecliper_30e.py', '_base_/default_runtime.py'
]

model = dict(cls_head=dict(num_classes=11, texts=dict(dataset='mafw')))
