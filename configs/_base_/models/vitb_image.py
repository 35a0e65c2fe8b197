# An image ViT-B/16 with a linear classifier on its class token, all of it trained.
model = dict(
    type='mmpretrain.ImageClassifier',
    data_preprocessor=dict(
        type='mmpretrain.ClsDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True),
    backbone=dict(type='ImageViT', arch='base', img_size=224, patch_size=16, drop_path_rate=0.1),
    head=dict(
        type='mmpretrain.LinearClsHead',
        in_channels=768,
        loss=dict(type='mmpretrain.LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        init_cfg=dict(type='TruncNormal', layer='Linear', std=2e-5)),
    # One of the two a batch; names within mmpretrain are looked up there by _scope_.
    train_cfg=dict(augments=[
        dict(type='Mixup', _scope_='mmpretrain', alpha=0.8),
        dict(type='CutMix', _scope_='mmpretrain', alpha=1.0)
    ]))
