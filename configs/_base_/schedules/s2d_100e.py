# S2D's recipe: AdamW, 2e-5 for 16 clips a step (scaled to the real number), weight decay for matrices alone, 2 epochs
# of warm-up and a cosine over 100.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=2e-5, weight_decay=0.05, betas=(0.9, 0.999)),
    paramwise_cfg=dict(
        norm_decay_mult=0.,
        bias_decay_mult=0.,
        flat_decay_mult=0.,
        custom_keys=dict(temporal_embedding=dict(decay_mult=0.))))
param_scheduler = [
    # mmengine's warm-up multiplies, so it cannot start at 0 itself.
    dict(type='LinearLR', start_factor=1e-6, by_epoch=True, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=2, eta_min=6.25e-10, convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=True, base_batch_size=16)
