# PE-CLIP on MAFW, for which neither paper nor release has anything; the recipes are DFEW's, the release's without its
# brightness.
_base_ = [
    '_base_/models/pe_clip_vitb16.py', '_base_/datasets/mafw.py', '_base_/augment/pe_clip_mix.py',
    '_base_/augment/pe_clip_release.py', '_base_/schedules/pe_clip_30e.py', '_base_/default_runtime.py'
]

model = dict(data_preprocessor=dict(blending=_base_.blending))
train_dataloader = dict(batch_size=8)

# recipe='release' takes the release's in place of the paper's.
recipe = 'paper'
recipes = dict(
    release={
        **_base_.release,
        'train_dataloader.dataset.pipeline': [*_base_.release_opening, *_base_.release_ending]
    })
