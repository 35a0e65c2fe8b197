# FERV39k as in ferv39k.py, with face maps beside the frames.
_base_ = ['dfew_maps.py']

train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='FERV39kDataset', data_root='data/FERV39k', scene=None, split='train', pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='FERV39kDataset',
        data_root='data/FERV39k',
        scene=None,
        split='test',
        pipeline=_base_.test_pipeline,
        test_mode=True))
test_dataloader = val_dataloader
