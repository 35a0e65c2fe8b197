# DK-CLIP (ACM MM 2024) on FERV39k: the second stack starts from CLIP's weights and trains, as do the snippets' layers.
_base_ = [
    '../_base_/models/dk_clip_vitb16.py', '../_base_/datasets/ferv39k.py', '../_base_/schedules/dk_clip_50e.py',
    '../_base_/default_runtime.py'
]

model = dict(data_preprocessor=dict(blending=_base_.blending))
train_dataloader = dict(batch_size=8)
