# MAFW's 11 single labels, one fold, read as DFEW is. clip='faces' takes the face frames, clip='clips' the videos.
_base_ = ['dfew.py']

dataset_type = 'MAFWDataset'
data_root = 'data/MAFW'
data_prefix = dict(clip='frames')

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, data_prefix=data_prefix))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, data_prefix=data_prefix))
test_dataloader = val_dataloader
