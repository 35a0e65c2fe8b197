# DFEW's 7 single labels, one fold.
_base_ = ['clips_16x224.py']

dataset_type = 'DFEWDataset'
data_root = 'data/DFEW'
fold = 1

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, fold=fold))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, fold=fold))
test_dataloader = val_dataloader
