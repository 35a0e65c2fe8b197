# DFER-CLIP: CLIP ViT-B/32, its image tower trained whole, a temporal transformer and 8 context tokens a class.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_3e-4_30e.py',
    '../_base_/default_runtime.py'
]

model = dict(
    type='VideoTextRecognizer',
    backbone=dict(patch_size=32, proj_dim=512, freeze=False),
    cls_head=dict(
        _delete_=True,
        type='CLIPTextHead',
        num_classes=7,
        text_encoder=dict(type='CLIPTextEncoder', arch='ViT-B/32'),
        texts=dict(dataset='dfew', source='descriptions'),
        prompts=dict(context=8, class_specific=True),
        temporal=dict(type='TemporalTransformer', in_channels=512, num_frames=16)))

# The release's: SGD of 48 clips, a rate for each part, 50 epochs.
train_cfg = dict(max_epochs=50)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='SGD', lr=1e-2, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(_delete_=True, custom_keys={'backbone.': dict(lr_mult=1e-3), 'prompt_learner': dict(lr_mult=0.1)}))
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[30, 40], gamma=0.1)]
auto_scale_lr = dict(base_batch_size=48)
