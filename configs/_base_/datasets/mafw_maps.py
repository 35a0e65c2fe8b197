# MAFW's single labels as in mafw.py, with face maps beside the frames.
_base_ = ['dfew_maps.py']

dataset = dict(type='MAFWDataset', data_root='data/MAFW', data_prefix=dict(clip='frames'))

train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
