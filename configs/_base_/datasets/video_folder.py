# Clips in <split>/<class>/<video or folder of frames>: name the splits and the classes of yours.
_base_ = ['clips_16x224.py']

dataset_type = 'VideoFolderDataset'
data_root = 'data/my_videos'
classes = ['Angry', 'Disgust', 'Fear', 'Happy', 'Neutral', 'Sad', 'Surprise']
train_split, test_split = 'train', 'val'

train_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, split=train_split, metainfo=dict(classes=classes)))
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, split=test_split, metainfo=dict(classes=classes)))
test_dataloader = val_dataloader
