# MAFW as in mafw.py, as the line of masked autoencoders takes clips: 16 of its frames, every fourth frame,
# 224x224, with its augmentation; tested by 2 windows.
_base_ = ['mafw.py', '../augment/mae_clips.py']

train_pipeline = [*_base_.every_fourth.train, *_base_.mae_224.train]
test_pipeline = [*_base_.every_fourth.test, *_base_.mae_224.test]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
