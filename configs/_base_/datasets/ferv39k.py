# FERV39k, all scenes or one (scene='Action', or --scene), read as DFEW is.
_base_ = ['dfew.py']

dataset_type = 'FERV39kDataset'
data_root = 'data/FERV39k'
scene = None

train_dataloader = dict(
    dataset=dict(
        _delete_=True, type=dataset_type, data_root=data_root, scene=scene, split='train',
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type=dataset_type,
        data_root=data_root,
        scene=scene,
        split='test',
        pipeline=_base_.test_pipeline,
        test_mode=True))
test_dataloader = val_dataloader
