# AIM's recipe (ICLR 2023): AdamW 3e-4 for 64 clips a step (scaled to the real number), no decay of norms and
# embeddings, 2.5 epochs of warm-up and cosine over 30.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=3e-4, weight_decay=0.05),
    paramwise_cfg=dict(
        norm_decay_mult=0.,
        custom_keys={
            'cls_token': dict(decay_mult=0.),
            'pos_embed': dict(decay_mult=0.),
            'temporal_embedding': dict(decay_mult=0.)
        }))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-2, by_epoch=True, begin=0, end=2.5, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=2.5,
        end=30,
        T_max=27.5,
        eta_min=0,
        convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=True, base_batch_size=64)
