# EmoCLIP's recipe with labels: SGD 1e-3 for 256 clips a step (scaled to the real number), a tenth of it after 25 of 50
# epochs; a tower that is tuned (freeze=False) has a thousandth.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=50, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=1e-3),
            'cls_head.text_encoder': dict(lr_mult=1e-3)
        }))
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[25], gamma=0.1)]
auto_scale_lr = dict(enable=True, base_batch_size=256)
