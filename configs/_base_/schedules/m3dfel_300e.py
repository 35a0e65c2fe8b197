# M3DFEL's recipe: AdamW 5e-4 for 256 clips a step, from several batches where the GPUs hold fewer at once (the rate is
# scaled by what is left), 20 of 300 epochs of warm-up and a cosine to 5e-6.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=300, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=True, begin=0, end=20, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=20, eta_min=5e-6, convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=True, base_batch_size=256, accumulate=True)
