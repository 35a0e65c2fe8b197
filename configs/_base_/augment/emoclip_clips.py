# Clips as EmoCLIP takes them: 32 frames, every second (MAFW) or every fourth, from a random one on and round the clip's
# end; in testing the same ones each time. Rotation and flip are drawn once a clip.
# Pieces, which a set's file puts together: train_pipeline = [*_base_.emoclip_fourth.train, *_base_.emoclip_end]
emoclip_whole = [
    dict(type='ClipDecode'),
    dict(type='Resize', scale=(-1, 224), interpolation='bicubic')
]
emoclip_crop = dict(type='CenterCrop', crop_size=224)
emoclip_view = [*emoclip_whole, emoclip_crop]
emoclip_turned = [
    *emoclip_whole,
    dict(type='Flip', flip_ratio=0.5), emoclip_crop,
    dict(type='TorchVisionWrapper', op='RandomRotation', degrees=6, fill=[122., 116., 104.])
]
emoclip_format = dict(type='FormatShape', input_format='NCTHW')

emoclip_fourth = dict(
    train=[
        dict(type='ClipInit'),
        dict(type='SampleCircular', num_frames=32, stride=4), *emoclip_turned
    ],
    test=[
        dict(type='ClipInit'),
        dict(type='SampleCircular', num_frames=32, stride=4, test_mode=True), *emoclip_view
    ])
emoclip_second = dict(
    train=[
        dict(type='ClipInit'),
        dict(type='SampleCircular', num_frames=32, stride=2), *emoclip_turned
    ],
    test=[
        dict(type='ClipInit'),
        dict(type='SampleCircular', num_frames=32, stride=2, test_mode=True), *emoclip_view
    ])
emoclip_end = [emoclip_format, dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))]
emoclip_caption_end = [
    dict(type='LoadCaption', missing='leave_out'), emoclip_format,
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape', 'caption'))
]
