# Image stage before the image stage: a ViT-B/16 learns faces without labels, as a masked autoencoder.
_base_ = ['../_base_/models/mae_vitb.py', '../_base_/schedules/mae_pretrain_300e.py', '../_base_/default_runtime.py']

train_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale=224,
        crop_ratio_range=(0.2, 1.0),
        backend='pillow',
        interpolation='bicubic'),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmpretrain.PackInputs')
]
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='FaceFolderDataset', data_root='data/faces', pipeline=train_pipeline))

# Nothing is validated: there are no labels.
default_hooks = dict(checkpoint=dict(save_best=None))
custom_hooks = [dict(type='EpochSeedHook')]
