# FRU-Adapter (Electronics 2025) on a frozen ViT-L/16: the adapters beside every block, the class token and every
# LayerNorm train; a frame's feature is the mean of its patches. --image-checkpoint gives FMAE's weights (RAF-DB).
# image_classes is the classifier that the image model leaves behind: frozen, never run, and counted by the release;
# with 0 the model has 1,025,000 parameters less.
image_set = 'rafdb'
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='AdapterViT',
        arch=dict(embed_dims=1024, num_layers=24, num_heads=16, feedforward_channels=4096),
        img_size=224,
        patch_size=16,
        drop_path_rate=0.1,
        out_type='avg_featmap',
        final_norm=False,
        adapters=dict(fru=dict(type='FRUAdapter', slot='parallel_block', blocks='all', width=128, frames=16)),
        tune_norms=True,
        tune_cls_token=True,
        freeze=True),
    cls_head=dict(type='ProjectedVideoHead', in_channels=1024, image_classes=1000),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW'))
