# Former-DFER (ACM MM 2021): ResNet-18 with a transformer within it, and one over 16 frames of 112x112. Frames go in as
# [0, 1].
model = dict(
    type='Recognizer3D',
    backbone=dict(type='FormerDFER', image_size=112, num_frames=16),
    cls_head=dict(type='LinearVideoHead', in_channels=512),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[0., 0., 0.],
        std=[255., 255., 255.],
        format_shape='NCTHW'))
