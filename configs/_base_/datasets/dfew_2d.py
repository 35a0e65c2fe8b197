# DFEW as in dfew.py, for recognisers of images: MMAction2's own sampler gives 16 clips of one frame.
_base_ = ['dfew.py']

sampling = dict(type='SampleFrames', clip_len=1, num_clips=16)
ending = [dict(type='FormatShape', input_format='NCHW'), _base_.packing]

train_pipeline = [dict(type='ClipInit'), sampling, *_base_.train_view[2:], _base_.jitter, *ending]
test_pipeline = [dict(type='ClipInit'), dict(sampling, test_mode=True), *_base_.test_view[2:], *ending]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
