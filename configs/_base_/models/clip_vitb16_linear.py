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
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        format_shape='NCTHW'))
