# S4D on DFEW and AffectNet in turn, as its paper trains it: an epoch has all clips and half of the images.
_base_ = [
    '../_base_/models/s4d_vitb16.py', '../_base_/datasets/dfew_mae_160.py', '../_base_/datasets/affectnet_stills.py',
    '../_base_/schedules/s4d_100e.py', '../_base_/default_runtime.py'
]

train_dataloader = dict(batch_size=32)
image_pipeline = [*_base_.image_steps, *_base_.mae_160.train[1:]]
train_cfg = dict(
    type='VideoImageTrainLoop',
    image_dataloader=dict(
        _base_.image_dataloader, dataset=dict(_base_.image_dataloader.dataset, pipeline=image_pipeline)),
    image_share=0.5)
