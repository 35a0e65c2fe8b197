# C3D (ICCV 2015) on DFEW, fully fine-tuned.
_base_ = [
    '../_base_/datasets/dfew_112.py', '../_base_/schedules/adamw_1e-4_100e.py', '../_base_/default_runtime.py'
]

model = dict(
    type='Recognizer3D',
    backbone=dict(type='C3D', pretrained=None, dropout_ratio=0.5, init_std=0.005),
    cls_head=dict(
        type='I3DHead', in_channels=4096, spatial_type=None, dropout_ratio=0.5, topk=1,
        average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[104, 117, 128], std=[1, 1, 1], format_shape='NCTHW'))
