# FE-Adapter's recipe: AdamW 5e-4 for 128 clips a step, from several batches where the GPUs hold fewer at once (the rate
# is scaled by what is left), cosine over 100 epochs.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=1e-2))
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=100, eta_min=0, convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=True, base_batch_size=128, accumulate=True)
