# DFER-CLIP's recipe: SGD at 48 clips a step (scaled to the real number), 1e-2 for the temporal transformer, 1e-3 for
# prompts, 1e-5 for the image tower.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=50, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=1e-3),
            'prompt_learner': dict(lr_mult=0.1),
        }))
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=50, eta_min=0, convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=True, base_batch_size=48)
