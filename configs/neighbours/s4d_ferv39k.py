# S4D on FERV39k, on clips alone: 1e-5 for 8 clips a step, 0.75 of it a block further down, mixed and smoothed.
_base_ = [
    '../_base_/models/s4d_vitb16.py', '../_base_/datasets/ferv39k_mae_160.py', '../_base_/augment/mixup_cutmix.py',
    '../_base_/schedules/mae_finetune_100e.py', '../_base_/default_runtime.py'
]

model = dict(data_preprocessor=dict(blending=_base_.blending), cls_head=dict(label_smooth_eps=0.1))
train_dataloader = dict(batch_size=32)
optim_wrapper = dict(optimizer=dict(lr=1e-5))
auto_scale_lr = dict(base_batch_size=8)
