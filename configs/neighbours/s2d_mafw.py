# S2D on MAFW, 11 classes: 16 neighbouring frames, stages of time and landmarks, self-distillation by emotion anchors.
_base_ = [
    '../_base_/models/s2d_vitb16.py', '../_base_/datasets/mafw.py', '../_base_/augment/mae_clips.py',
    '../_base_/augment/mixup_cutmix.py', '../_base_/schedules/s2d_100e.py', '../_base_/default_runtime.py'
]

model = dict(data_preprocessor=dict(blending=_base_.blending))
default_hooks = dict(anchors=_base_.anchor_hook)
train_pipeline = [*_base_.every_frame.train, *_base_.mae_224.train]
test_pipeline = [*_base_.every_frame.test, *_base_.mae_224.test]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# The release trains without anchors, on stages that are not zero at the start.
recipe = 'paper'
recipes = dict(
    oversampled=_base_.oversampled,
    release={
        'model.backbone.zero_init': False,
        'model.cls_head.schedule': [],
        'default_hooks.checkpoint.save_best': 'war'
    })
