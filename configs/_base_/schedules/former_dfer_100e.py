# Former-DFER's recipe: SGD 0.01 for 32 clips a step (scaled to the real number), a tenth of it after 40 and after 80 of
# 100 epochs.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[40, 80], gamma=0.1)]
auto_scale_lr = dict(enable=True, base_batch_size=32)
