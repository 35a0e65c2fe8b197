# DFER-CLIP (BMVC 2023): the image tower fully tuned, a temporal transformer over frame features, descriptions as
# texts behind a learned context of each class.
_base_ = ['dfer_clip_vitb16_dfew.py']

model = dict(
    backbone=dict(patch_size=32),
    cls_head=dict(text_encoder=dict(arch='ViT-B/32')))
