# Demo of PE-CLIP without PE-CLIP: a small CLIP image tower with random frozen weights, the mean of its frame features,
# and a linear classifier.
_base_ = ['temporal_aggregation.py']

model = dict(
    backbone=dict(
        pre_norm=True,
        proj_dim=128,
        norm_cfg=dict(type='LN', eps=1e-5),
        layer_cfg=dict(act_cfg=dict(type='mmpretrain.QuickGELU')),
        pos_embed_std=0.5,
        init_cfg=None),
    cls_head=dict(in_channels=128))
