# FineCLIPER's recipe: SGD 3e-4, 30 epochs. Momentum, decay and cosine are not told by the paper and ours.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=3e-4, momentum=0.9, weight_decay=1e-4))
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=30, eta_min=0, convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=True, base_batch_size=16)
