# Clips in <split>/<class>/<video or folder of frames>, as AFEW's: name the splits and the classes of yours.
_base_ = ['ferv39k.py']

dataset_type = 'VideoFolderDataset'
data_root = 'data/AFEW'
classes = ['Angry', 'Disgust', 'Fear', 'Happy', 'Neutral', 'Sad', 'Surprise']
train_split, test_split = 'train', 'val'

train_dataloader = dict(
    dataset=dict(
        _delete_=True, type=dataset_type, data_root=data_root, split=train_split, metainfo=dict(classes=classes),
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        _delete_=True, type=dataset_type, data_root=data_root, split=test_split, metainfo=dict(classes=classes),
        pipeline=_base_.test_pipeline, test_mode=True))
test_dataloader = val_dataloader
