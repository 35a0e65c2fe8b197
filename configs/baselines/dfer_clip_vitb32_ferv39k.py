# DFER-CLIP (BMVC 2023) on FERV39k, with the paper's own ViT-B/32 towers.
_base_ = ['dfer_clip_vitb16_ferv39k.py']

model = dict(
    backbone=dict(patch_size=32),
    cls_head=dict(text_encoder=dict(arch='ViT-B/32')))
