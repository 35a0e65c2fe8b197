# DK-CLIP's recipe: AdamW at 2e-6 for CLIP's weights and 2e-5 for what CLIP does not have, at 32 clips a step (scaled to
# the real number: its logs' two cards of 8 clips and two steps of accumulation), 5 epochs of warm-up and a cosine to a
# hundredth over 50, half of the batches Mixup, half FMix. A config that stands on this one:
#     model = dict(data_preprocessor=dict(blending=_base_.blending))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=50, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

fresh = dict(lr_mult=10.)
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=2e-6, betas=(0.9, 0.98), weight_decay=1e-3),
    paramwise_cfg=dict(
        norm_decay_mult=0.,
        bias_decay_mult=0.,
        custom_keys={
            'cls_token': dict(decay_mult=0.),
            'pos_embed': dict(decay_mult=0.),
            'message.': fresh,
            'patch_norm.': fresh,
            'patch_proj.': fresh,
            'cls_head.': fresh
        }))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=True, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=5, end=50, T_max=45, eta_min_ratio=0.01,
         convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=True, base_batch_size=32)

blending = dict(
    type='RandomBatchAugment',
    augments=[dict(type='MixupBlending', alpha=0.8),
              dict(type='FMixBlending', alpha=1., decay=3.)],
    probs=[0.5, 0.5])
