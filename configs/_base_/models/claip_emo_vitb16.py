# CLAIP-Emo's video branch: the frozen ViT-B/16 of CLIP with LoRA in every linear layer, the temporal transformer of
# DFER-CLIP over the normed class tokens, a linear head. Frames are normalised by ImageNet's mean and deviation.
_base_ = ['clip_vitb16_linear.py']

model = dict(
    backbone=dict(
        arch=dict(_delete_=True, embed_dims=768, num_layers=12, num_heads=12, feedforward_channels=3072),
        lora=dict(rank=8, alpha=32, drop_rate=0.1, targets=['q', 'k', 'v', 'proj', 'fc1', 'fc2'])),
    cls_head=dict(temporal=dict(
        type='TemporalTransformer',
        in_channels=768,
        num_frames=16,
        num_layers=1,
        num_heads=8,
        head_channels=64,
        feedforward_channels=1024)),
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]))
