# MAE-SFER on AffectNet, 8 classes: a ViT-B/16 that masked faces have trained, fine-tuned.
_base_ = [
    '../_base_/models/mae_sfer_vitb.py', '../_base_/datasets/affectnet.py', '../_base_/augment/mae_sfer_faces.py',
    '../_base_/schedules/mae_sfer_100e.py', '../_base_/default_runtime.py'
]

train_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(type='CropFaceBox', margin=0.1),
    *_base_.mae_sfer_faces
]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
