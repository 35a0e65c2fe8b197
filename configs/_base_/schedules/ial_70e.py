# IAL's recipe: SGD 1e-3 with a weight decay of 0.1, for 40 clips a step (scaled to the real number), halved every 7
# epochs. The release goes on to epoch 1000, when the rate has long been nothing; the end at 70 is ours.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=70, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=0.1))
param_scheduler = [dict(type='StepLR', by_epoch=True, step_size=7, gamma=0.5)]
auto_scale_lr = dict(enable=True, base_batch_size=40)
