# MAE-SFER on AffectNet without contempt, 7 classes: a ViT-B/16 that masked faces have trained, fine-tuned.
_base_ = ['mae_sfer_vitb_affectnet.py']

dataset_type = 'AffectNet7Dataset'
train_dataloader = dict(dataset=dict(dataset=dict(type=dataset_type)))
val_dataloader = dict(dataset=dict(type=dataset_type))
test_dataloader = val_dataloader
