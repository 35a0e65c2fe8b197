# CLIP's frozen ViT-B/16 over 16 frames and a linear classifier, no text; configs add what is tuned.
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='AdapterViT',
        arch='base',
        img_size=224,
        patch_size=16,
        pre_norm=True,
        norm_cfg=dict(type='LN', eps=1e-5),
        layer_cfg=dict(act_cfg=dict(type='mmpretrain.QuickGELU')),
        adapters=[],
        freeze=True),
    cls_head=dict(type='LinearVideoHead', num_classes=7, in_channels=768, average_clips='prob'),
    # CLIP's own mean and standard deviation
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[122.7709383, 116.7460125, 104.09373615],
        std=[68.5005327, 66.6321579, 70.32316305],
        format_shape='NCTHW'))
