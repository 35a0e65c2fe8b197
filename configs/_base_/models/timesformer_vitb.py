# TimeSformer, divided space-time attention, 16 frames. backbone.pretrained takes an image ViT-B/16 in MMAction2's keys.
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='TimeSformer',
        pretrained=None,
        num_frames=16,
        img_size=224,
        patch_size=16,
        embed_dims=768,
        num_transformer_layers=12,
        attention_type='divided_space_time'),
    cls_head=dict(type='TimeSformerHead', in_channels=768, topk=1, average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        format_shape='NCTHW'))
