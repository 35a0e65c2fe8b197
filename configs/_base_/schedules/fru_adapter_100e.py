# FRU-Adapter's recipe: that of mae_finetune_100e.py with a rate that the batch does not scale and a tenth of it at the
# end, without layer decay.
_base_ = ['mae_finetune_100e.py']

optim_wrapper = dict(optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=1.))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type='CosineAnnealingLR', by_epoch=True, begin=5, eta_min_ratio=0.1, convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=False)
