# FERV39k as in ferv39k.py, as the line of masked autoencoders takes clips: 16 of its frames, neighbouring frames,
# 160x160, with its augmentation; tested by 2 windows.
_base_ = ['ferv39k.py', '../augment/mae_clips.py']

train_pipeline = [*_base_.every_frame.train, *_base_.mae_160.train]
test_pipeline = [*_base_.every_frame.test, *_base_.mae_160.test]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
