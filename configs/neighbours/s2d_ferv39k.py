# S2D on FERV39k: 16 neighbouring frames, no mixing, stages of time and landmarks, self-distillation by emotion anchors.
_base_ = [
    '../_base_/models/s2d_vitb16.py', '../_base_/datasets/ferv39k_mae_224.py', '../_base_/schedules/s2d_100e.py',
    '../_base_/default_runtime.py'
]

model = dict(cls_head=dict(dropout=0., label_smooth_eps=0.))
default_hooks = dict(anchors=_base_.anchor_hook)

# The release's anchors are random numbers, since its epochs of filling never come.
recipe = 'paper'
recipes = dict(
    oversampled=_base_.oversampled,
    release={
        'model.backbone.zero_init': False,
        'model.cls_head.release': True,
        'model.cls_head.fill_every': 100,
        'default_hooks.checkpoint.save_best': 'war'
    })
