# AffectNet, 8 classes, evaluated on its validation set (the test set is not public).
_base_ = ['fer_images.py']

dataset_type = 'AffectNetDataset'
data_root = 'data/AffectNet'

train_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(type='CropFaceBox', margin=0.1),
    *_base_.image_augment
]
test_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(type='CropFaceBox', margin=0.1),
    *_base_.image_resize
]

train_dataloader = dict(
    dataset=dict(
        oversample_thr=0.125,
        dataset=dict(type=dataset_type, data_root=data_root, split='train', pipeline=train_pipeline)))
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, split='val', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
