# AFEW's 7 labels, one split; tested on its validation list, since the labels of the test set are not public.
_base_ = ['clips_16x224.py']

dataset_type = 'AFEWDataset'
data_root = 'data/AFEW'

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='train'))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root, split='val'))
test_dataloader = val_dataloader
