# M3DFEL (CVPR 2023): 4 instances of 4 frames of 112x112 by R3D-18, LSTMs over them, and their normalization. Frames go
# in as [0, 1]. --image-checkpoint takes torchvision's r3d_18 (Kinetics), from which the paper starts.
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='M3DFEL',
        num_frames=16,
        instance_length=4,
        resnet=dict(
            type='ResNet3d',
            depth=18,
            pretrained=None,
            conv1_kernel=(3, 7, 7),
            with_pool1=False,
            with_pool2=False,
            temporal_strides=(1, 2, 2, 2),
            inflate_style='3x3x3',
            zero_init_residual=False)),
    cls_head=dict(type='LinearVideoHead', in_channels=1024, label_smooth_eps=0.1),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[0., 0., 0.],
        std=[255., 255., 255.],
        format_shape='NCTHW'))
