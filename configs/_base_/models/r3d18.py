# MMAction2's 3D ResNet with torchvision's r3d_18 settings: 3x3x3 throughout, no pooling after the stem.
# backbone.pretrained takes a 2D ResNet-18, which is inflated.
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='ResNet3d',
        depth=18,
        pretrained=None,
        pretrained2d=True,
        conv1_kernel=(3, 7, 7),
        with_pool1=False,
        with_pool2=False,
        temporal_strides=(1, 2, 2, 2),
        inflate_style='3x3x3',
        zero_init_residual=False),
    cls_head=dict(type='I3DHead', in_channels=512, dropout_ratio=0.5, topk=1, average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW'))
