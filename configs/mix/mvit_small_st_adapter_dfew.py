# ST-Adapter in MMAction2's MViTv2-S, frozen, on DFEW.
_base_ = [
    '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_5e-4_100e.py', '../_base_/default_runtime.py'
]

# Its widths and grids change from stage to stage, and each adapter is given its block's.
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='AdaptedBackbone',
        backbone=dict(type='MViT', arch='small', drop_path_rate=0.2),
        layout='mvit',
        pattern=r'blocks\.\d+',
        adapters=dict(st=dict(type='STAdapter', slot='before', width=96)),
        freeze=True),
    cls_head=dict(
        type='MViTHead', in_channels=768, dropout_ratio=0.5, topk=1, average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[114.75, 114.75, 114.75],
        std=[57.375, 57.375, 57.375],
        format_shape='NCTHW'))
