# FERV39k's 7 labels, all scenes or one (scene='Action', or --scene).
_base_ = ['clips_16x224.py']

dataset_type = 'FERV39kDataset'
data_root = 'data/FERV39k'
scene = None

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, scene=scene))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, scene=scene))
test_dataloader = val_dataloader
