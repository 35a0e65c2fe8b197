# Image stage: a ViT-B/16 fine-tuned on AffectNet without contempt, 7 classes.
_base_ = ['vitb_affectnet.py']

dataset_type = 'AffectNet7Dataset'
train_dataloader = dict(dataset=dict(dataset=dict(type=dataset_type)))
val_dataloader = dict(dataset=dict(type=dataset_type))
test_dataloader = val_dataloader
