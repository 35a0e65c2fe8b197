# MAFW's 43 compound labels, one fold.
_base_ = ['mafw.py']

dataset_type = 'MAFWCompoundDataset'

train_dataloader = dict(dataset=dict(type=dataset_type))
val_dataloader = dict(dataset=dict(type=dataset_type))
test_dataloader = val_dataloader
