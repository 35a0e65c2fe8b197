# MAE's pre-training: AdamW, 1.5e-4 for 256 images a step (scaled to the real number), 40 of 300 epochs of warm-up and
# a cosine.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=300)

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1.5e-4, weight_decay=0.05, betas=(0.9, 0.95)),
    paramwise_cfg=dict(
        norm_decay_mult=0.,
        bias_decay_mult=0.,
        custom_keys=dict(cls_token=dict(decay_mult=0.), mask_token=dict(decay_mult=0.))))
param_scheduler = [
    # mmengine's warm-up multiplies, so it cannot start at 0 itself.
    dict(type='LinearLR', start_factor=1e-6, by_epoch=True, begin=0, end=40, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=40, eta_min=0., convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=True, base_batch_size=256)
