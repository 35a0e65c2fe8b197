# PE-CLIP's recipe: AdamW, 2e-4 for adapters and 3e-5 for prompts at 8 clips a step (scaled to the real number),
# three epochs of warm-up and cosine over 30.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=2e-4, weight_decay=1e-2),
    paramwise_cfg=dict(custom_keys=dict(prompt_learner=dict(lr_mult=0.15))))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=True, begin=0, end=3, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=3, end=30, T_max=27, eta_min=0, convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=True, base_batch_size=8)
