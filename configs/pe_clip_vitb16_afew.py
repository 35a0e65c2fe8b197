# PE-CLIP on AFEW, for which the paper has no figures; the recipe is that of DFEW. The release goes on from its best
# model of DFEW: --cfg-options recipe=release load_from=FILE
_base_ = [
    '_base_/models/pe_clip_vitb16.py', '_base_/datasets/afew.py', '_base_/augment/pe_clip_mix.py',
    '_base_/augment/pe_clip_release.py', '_base_/schedules/pe_clip_30e.py', '_base_/default_runtime.py'
]

model = dict(data_preprocessor=dict(blending=_base_.blending))
train_dataloader = dict(batch_size=8)

# recipe='release' takes the release's in place of the paper's.
recipe = 'paper'
recipes = dict(
    release={
        **_base_.release,
        'train_dataloader.dataset.pipeline': [*_base_.release_opening, _base_.brightness, *_base_.release_ending],
        'optim_wrapper.optimizer.lr': 1e-4,
        'optim_wrapper.paramwise_cfg.custom_keys.prompt_learner.lr_mult': 3.,
        'train_cfg.max_epochs': 25,
        'param_scheduler': [dict(type='StepLR', by_epoch=True, step_size=8, gamma=0.5)]
    })
