# FERPlus, 8 classes by majority vote; the best epoch is chosen on PublicTest, the result is of PrivateTest.
_base_ = ['fer_images.py']

dataset_type = 'FERPlusDataset'
data_root = 'data/FERPlus'

train_pipeline = _base_.image_augment
test_pipeline = _base_.image_resize

train_dataloader = dict(
    dataset=dict(
        dataset=dict(type=dataset_type, data_root=data_root, split='train', pipeline=train_pipeline)))
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, split='val', pipeline=test_pipeline, test_mode=True))
test_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, split='test', pipeline=test_pipeline, test_mode=True))
