# CLIP's frozen ViT-B/16 over 16 frames and a linear classifier, no text; configs add what is tuned.
_base_ = ['clip_vitb16.py']

model = dict(
    type='Recognizer3D',
    backbone=dict(proj_dim=None),
    cls_head=dict(_delete_=True, type='LinearVideoHead', in_channels=768))
