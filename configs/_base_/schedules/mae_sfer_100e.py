# MAE-SFER's fine-tuning on RAF-DB: Adam, 1e-5, a tenth of it after 35, 65 and 95 epochs, the same for every layer: its
# decay over layers never takes effect. Epochs are not told; 100 are ours.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper', constructor='TunableOptimWrapperConstructor', optimizer=dict(type='Adam', lr=1e-5))
param_scheduler = [
    dict(type='MultiStepLR', by_epoch=True, milestones=[35, 65, 95], gamma=0.1)
]
