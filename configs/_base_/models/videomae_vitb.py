# VideoMAE's ViT-B: MMAction2's VisionTransformer, tubelets of two frames, mean over all tokens.
model = dict(
    type='Recognizer3D',
    backbone=dict(type='VisionTransformer', img_size=224, patch_size=16, embed_dims=768, depth=12, num_heads=12,
                  num_frames=16),
    cls_head=dict(type='TimeSformerHead', in_channels=768, topk=1, average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW'))
