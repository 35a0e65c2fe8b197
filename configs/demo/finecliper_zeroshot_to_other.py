# Demo, zero-shot evaluation: what finecliper_zeroshot.py learned from the captions of one set, on another one of other
# people and with four of the classes (make_demo_clips.py --seed 1 --class-folders happy sad angry surprise).
_base_ = ['finecliper_zeroshot.py']

data_root = 'data/demo_seed1/by_class'
classes = ['happy', 'sad', 'angry', 'surprise']
other = dict(
    _delete_=True,
    type='VideoFolderDataset',
    data_root=data_root,
    split='test',
    metainfo=dict(classes=classes),
    pipeline=_base_.test_pipeline,
    test_mode=True)
train_dataloader = dict(dataset=other)
val_dataloader = dict(dataset=other)
test_dataloader = val_dataloader
