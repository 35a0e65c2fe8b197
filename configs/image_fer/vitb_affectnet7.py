# Image stage: a ViT-B/16 fine-tuned on AffectNet without contempt, 7 classes.
_base_ = ['vitb_affectnet.py']

model = dict(data_preprocessor=dict(num_classes=7), head=dict(num_classes=7))

train_dataloader = dict(dataset=dict(dataset=dict(type='AffectNet7Dataset')))
val_dataloader = dict(dataset=dict(type='AffectNet7Dataset'))
test_dataloader = val_dataloader
