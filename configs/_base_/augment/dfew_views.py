# DFEW as in datasets/dfew.py, by windows of 16 frames, 4 apart, as MAE-DFER does (FERV39k: stride=1); tested by
# 2 windows x 3 crops. Frames of clip_224x224 are square, so its three crops are one and 2 views are run.
_base_ = ['../datasets/dfew.py']

window = dict(type='SampleWindow', num_frames=16, stride=4)
ending = [_base_.formatting, _base_.packing]

train_pipeline = [
    dict(type='ClipInit'), window, *_base_.train_view[2:],
    dict(type='ColorJitter', brightness=0.3, contrast=0.3, saturation=0.2, hue=0.05), *ending
]
val_pipeline = [dict(type='ClipInit'), dict(window, test_mode=True), *_base_.test_view[2:], *ending]
test_pipeline = [
    dict(type='ClipInit'),
    dict(window, num_windows=2, test_mode=True), *_base_.test_view[2:4],
    dict(type='ThreeCrop', crop_size=224), *ending
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(batch_size=4, dataset=dict(pipeline=test_pipeline))
