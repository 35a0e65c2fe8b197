# MAFW's single labels as in mafw.py, with the captions of the clips.
_base_ = ['dfew_captions.py']

dataset = dict(type='MAFWDataset', data_root='data/MAFW', data_prefix=dict(clip='frames'))

train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
