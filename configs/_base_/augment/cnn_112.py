# Clips as Former-DFER, M3DFEL and IAL take them: 16 frames, resized to 112x112 by Pillow's filter, whatever their
# ratio; crops, flips and colours drawn once a clip. The same frames at every test.
# Pieces, which a set's file puts together: train_pipeline = _base_.former_dfer.train
opening = [dict(type='ClipInit')]
small = dict(type='PillowResize', scale=(112, 112))
ending = [
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]
wide_crop = dict(type='RandomResizedCrop', area_range=(0.08, 1.0), aspect_ratio_range=(3 / 4, 4 / 3))
mirror = dict(type='Flip', flip_ratio=0.5)

# 8 segments of 2 neighbouring frames.
former_dfer = dict(
    train=[
        *opening,
        dict(type='SampleSnippets', num_segments=8, length=2),
        dict(type='ClipDecode'), wide_crop, small, mirror, *ending
    ],
    test=[
        *opening,
        dict(type='SampleSnippets', num_segments=8, length=2, test_mode=True),
        dict(type='ClipDecode'), small, *ending
    ])
# 16 frames evenly, moved at random in training.
m3dfel = dict(
    train=[
        *opening,
        dict(type='SampleJittered', num_frames=16),
        dict(type='ClipDecode'), wide_crop, small, mirror,
        dict(type='ClipColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.4), *ending
    ],
    test=[
        *opening,
        dict(type='SampleJittered', num_frames=16, test_mode=True),
        dict(type='ClipDecode'), small, *ending
    ])
# A frame from each of 16 segments; short clips are padded.
ial = dict(
    train=[
        *opening,
        dict(type='SampleSegments', num_frames=16),
        dict(type='ClipDecode'),
        dict(type='RandomResizedCrop', area_range=(0.85, 1.0), aspect_ratio_range=(3 / 5, 5 / 3)), small, mirror,
        dict(type='ClipColorJitter', brightness=0.6, contrast=0., saturation=0., hue=0.),
        dict(type='TorchVisionWrapper', op='RandomRotation', degrees=4), *ending
    ],
    test=[
        *opening,
        dict(type='SampleSegments', num_frames=16, test_mode=True),
        dict(type='ClipDecode'), small, *ending
    ])
