# Fine-tuning as VideoMAE's code and what stands on it do: AdamW, 1e-3 for 256 clips a step (scaled to the real number),
# 0.75 of it a block further down, weight decay for matrices alone; by step 5 epochs of warm-up from nothing, and cosine
# to a thousandth.
# A config sets optim_wrapper.optimizer.lr, optim_wrapper.paramwise_cfg.layer_decay_rate (1 for none) and
# train_cfg.max_epochs, where the cosine ends by itself.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05, betas=(0.9, 0.999)),
    paramwise_cfg=dict(
        layer_decay_rate=0.75,
        norm_decay_mult=0.,
        bias_decay_mult=0.,
        flat_decay_mult=0.,
        custom_keys={
            'cls_token': dict(decay_mult=0.),
            'pos_embed': dict(decay_mult=0.),
            'temporal_embedding': dict(decay_mult=0.),
            'region_tokens': dict(decay_mult=0.)
        }))
param_scheduler = [
    # mmengine's warm-up multiplies, so it cannot start at 0 itself.
    dict(type='LinearLR', start_factor=1e-6, by_epoch=True, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=5, eta_min_ratio=1e-3, convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=True, base_batch_size=256)
