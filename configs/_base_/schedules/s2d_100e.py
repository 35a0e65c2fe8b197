# S2D's recipe: AdamW, 2e-5 for 16 clips a step (scaled to the real number), weight decay for matrices alone, 2 epochs
# of warm-up and a cosine over 100.
_base_ = ['mae_finetune_100e.py']

optim_wrapper = dict(
    optimizer=dict(lr=2e-5),
    paramwise_cfg=dict(
        _delete_=True,
        norm_decay_mult=0.,
        bias_decay_mult=0.,
        flat_decay_mult=0.,
        custom_keys=dict(temporal_embedding=dict(decay_mult=0.))))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=True, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=2, eta_min=6.25e-10, convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=16)
