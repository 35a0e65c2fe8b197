# DFEW as in datasets/dfew.py, with RandAugment, rotation and erasing, each drawn once a clip.
_base_ = ['../datasets/dfew.py']

train_pipeline = [
    *_base_.train_view,
    dict(type='TorchVisionWrapper', op='RandAugment', num_ops=2, magnitude=9, fill=[124., 116., 104.]),
    dict(type='TorchVisionWrapper', op='RandomRotation', degrees=10, fill=[124., 116., 104.]),
    dict(type='RandomErasing', erase_prob=0.25, mode='const', fill_color=(124, 116, 104)),
    _base_.formatting,
    _base_.packing
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
