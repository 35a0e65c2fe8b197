# PE-CLIP on DFEW: adapters, coupled prompts and action-unit texts on a frozen CLIP.
_base_ = [
    '_base_/models/pe_clip_vitb16.py', '_base_/datasets/dfew.py', '_base_/augment/pe_clip_mix.py',
    '_base_/augment/pe_clip_release.py', '_base_/schedules/pe_clip_30e.py', '_base_/default_runtime.py'
]

model = dict(data_preprocessor=dict(blending=_base_.blending))
train_dataloader = dict(batch_size=8)

# recipe='release' takes the release's in place of the paper's.
recipe = 'paper'
recipes = dict(
    release={
        **_base_.release,
        'train_dataloader.dataset.pipeline': [*_base_.release_opening, _base_.brightness, *_base_.release_ending]
    })
