# DK-CLIP on DFEW frozen as its release: the second stack and the layer over snippets stay random. For comparison alone.
_base_ = ['dk_clip_dfew.py']

model = dict(backbone=dict(semantics='released'), cls_head=dict(released=True))
