# MAE-SFER on FERPlus, 8 classes by majority vote: a ViT-B/16 that masked faces have trained, fine-tuned.
_base_ = [
    '../_base_/models/mae_sfer_vitb.py', '../_base_/datasets/ferplus.py', '../_base_/augment/mae_sfer_faces.py',
    '../_base_/schedules/mae_sfer_100e.py', '../_base_/default_runtime.py'
]

train_pipeline = _base_.mae_sfer_faces
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
