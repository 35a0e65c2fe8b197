# RAF-DB's basic set, 7 classes, aligned faces; evaluated on its test set, as published code does.
_base_ = ['fer_images.py']

dataset_type = 'RAFDBDataset'
data_root = 'data/RAF-DB'

train_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    *_base_.image_augment
]
test_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    *_base_.image_resize
]

train_dataloader = dict(
    dataset=dict(
        dataset=dict(type=dataset_type, data_root=data_root, split='train', pipeline=train_pipeline)))
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
