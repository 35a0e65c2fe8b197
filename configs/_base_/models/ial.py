# IAL (AAAI 2023): a residual network under a global view, static and dynamic features of 16 frames of 112x112, and its
# loss for intensity; the classifier starts as torch's Linear does. Frames go in as [0, 1]. What computes nothing, for
# the release's sake, wants DDP to be told.
find_unused_parameters = True
model = dict(
    type='Recognizer3D',
    backbone=dict(type='IALNet', image_size=112, num_frames=16),
    cls_head=dict(type='IALHead', in_channels=4096, aux_weights=(0.05, 0.), init_std=0.009),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[0., 0., 0.],
        std=[255., 255., 255.],
        format_shape='NCTHW'))
