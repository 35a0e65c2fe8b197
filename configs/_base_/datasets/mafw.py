# MAFW's 11 single labels, one fold. clip='faces' takes the face frames, clip='clips' the videos.
_base_ = ['clips_16x224.py']

dataset_type = 'MAFWDataset'
data_root = 'data/MAFW'
data_prefix = dict(clip='frames')
fold = 1

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, data_prefix=data_prefix, fold=fold))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, data_prefix=data_prefix, fold=fold))
test_dataloader = val_dataloader
