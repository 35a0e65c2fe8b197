# PE-CLIP on FERV39k: as on DFEW, but 20 epochs.
_base_ = [
    '_base_/models/pe_clip_vitb16.py', '_base_/datasets/ferv39k.py', '_base_/augment/pe_clip_mix.py',
    '_base_/augment/pe_clip_release.py', '_base_/schedules/pe_clip_30e.py', '_base_/default_runtime.py'
]

model = dict(data_preprocessor=dict(blending=_base_.blending))
train_dataloader = dict(batch_size=8)

# 20 epochs here, two of them warm-up.
train_cfg = dict(max_epochs=20)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=True, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=2, end=20, T_max=18, eta_min=0, convert_to_iter_based=True)
]

# recipe='release' takes the release's in place of the paper's.
recipe = 'paper'
recipes = dict(
    release={
        **_base_.release,
        'train_dataloader.dataset.pipeline': [*_base_.release_opening, _base_.rotation, *_base_.release_ending]
    })
