# MMAction2's TSN-R50 as it is, on DFEW.
_base_ = [
    '../_base_/datasets/dfew_2d.py', '../_base_/schedules/adamw_1e-4_100e.py', '../_base_/default_runtime.py'
]

# backbone.pretrained takes an ImageNet ResNet-50.
model = dict(
    type='Recognizer2D',
    backbone=dict(type='ResNet', depth=50, pretrained=None, norm_eval=False),
    cls_head=dict(
        type='TSNHead', in_channels=2048, dropout_ratio=0.4, topk=1, average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCHW'))
