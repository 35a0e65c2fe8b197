# Clips as VideoMAE and what stands on it take them: windows of 16 frames, every fourth or every one; whole frames
# resized to a square by Pillow's filter; RandAugment (timm's), crops of 8 % of the area and more, flips, erasing with
# noise, each drawn once a clip. Two windows in testing; their two crops of a square are one and left out.
# Pieces, which the sets' files put together: pipeline = [*_base_.every_fourth['train'], *_base_.mae_160['train']]
training = [
    dict(type='ClipRandAugment', policy='rand-m7-n4-mstd0.5-inc1', interpolation='bicubic'),
    dict(type='RandomResizedCrop', area_range=(0.08, 1.0), aspect_ratio_range=(3 / 4, 4 / 3))
]
flip_and_erase = [
    dict(type='Flip', flip_ratio=0.5),
    # Noise of the normalised frames' N(0, 1).
    dict(
        type='RandomErasing',
        erase_prob=0.25,
        mode='rand',
        fill_color=(123.675, 116.28, 103.53),
        fill_std=(58.395, 57.12, 57.375))
]
packed = [
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]

every_fourth = dict(
    train=[dict(type='ClipInit'), dict(type='SampleStridedWindow', num_frames=16, stride=4)],
    test=[
        dict(type='ClipInit'),
        dict(type='SampleStridedWindow', num_frames=16, stride=4, num_windows=2, test_mode=True)
    ])
every_frame = dict(
    train=[dict(type='ClipInit'), dict(type='SampleStridedWindow', num_frames=16, stride=1)],
    test=[
        dict(type='ClipInit'),
        dict(type='SampleStridedWindow', num_frames=16, stride=1, num_windows=2, test_mode=True)
    ])
mae_160 = dict(
    train=[
        dict(type='ClipDecode'),
        dict(type='PillowResize', scale=(160, 160)), *training,
        dict(type='Resize', scale=(160, 160), keep_ratio=False), *flip_and_erase, *packed
    ],
    test=[dict(type='ClipDecode'), dict(type='PillowResize', scale=(160, 160)), *packed])
mae_224 = dict(
    train=[
        dict(type='ClipDecode'),
        dict(type='PillowResize', scale=(224, 224)), *training,
        dict(type='Resize', scale=(224, 224), keep_ratio=False), *flip_and_erase, *packed
    ],
    test=[dict(type='ClipDecode'), dict(type='PillowResize', scale=(224, 224)), *packed])
