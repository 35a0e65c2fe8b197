# SVFAP's pyramid over time with a bottleneck over space, all of it trained, on mixed clips with smoothed labels.
_base_ = ['../augment/mixup_cutmix.py']

model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='SVFAP',
        img_size=160,
        num_frames=16,
        embed_dims=512,
        depths=[12, 6, 3],
        num_bottleneck_tokens=8,
        num_heads=8,
        drop_path_rate=0.1),
    # Its first weights are a thousandth of the usual.
    cls_head=dict(type='LinearVideoHead', in_channels=512, label_smooth_eps=0.1, init_std=2e-5),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW',
        blending=_base_.blending))
