# CLIP's ViT-L/14 image tower; the rest is ViT-B/16's.
_base_ = './clip_vitb16.py'

model = dict(backbone=dict(arch='large', patch_size=14), cls_head=dict(in_channels=1024))
