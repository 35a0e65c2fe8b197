# DFER-CLIP on ViT-B/16.
_base_ = './dfer_clip_vitb32_dfew.py'

model = dict(backbone=dict(patch_size=16), cls_head=dict(text_encoder=dict(arch='ViT-B/16')))
