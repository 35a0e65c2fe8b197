# The test view of DFER-CLIP's and PE-CLIP's releases: the centre of each of 16 segments, the whole frame resized to
# 224x224 by Pillow's filter, whatever its ratio. A config that stands on this one:
#     test_pipeline = _base_.pillow_view
#     val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
#     test_dataloader = val_dataloader
pillow_view = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=16, test_mode=True),
    dict(type='ClipDecode'),
    dict(type='PillowResize', scale=(224, 224)),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]
