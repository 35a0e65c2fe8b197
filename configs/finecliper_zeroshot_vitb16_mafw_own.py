# Zero-shot pre-training on MAFW's own English captions, which its lists hold, in place of generated ones.
_base_ = [
    '_base_/models/finecliper_zeroshot_vitb16.py', '_base_/datasets/mafw_captions.py',
    '_base_/schedules/finecliper_30e.py', '_base_/default_runtime.py'
]

model = dict(cls_head=dict(num_classes=11, texts=dict(dataset='mafw')))

train_dataloader = dict(dataset=dict(captions=True))
