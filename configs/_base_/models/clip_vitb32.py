# CLIP's ViT-B/32 image tower; the rest is ViT-B/16's.
_base_ = './clip_vitb16.py'

model = dict(backbone=dict(patch_size=32))
