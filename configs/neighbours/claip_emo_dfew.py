# CLAIP-Emo's video branch on DFEW: 1e-5 for 8 clips a step, no layer decay, mixed and smoothed.
_base_ = [
    '../_base_/models/claip_emo_vitb16.py', '../_base_/datasets/dfew_mae_224.py', '../_base_/augment/mixup_cutmix.py',
    '../_base_/schedules/mae_finetune_100e.py', '../_base_/default_runtime.py'
]

model = dict(data_preprocessor=dict(blending=_base_.blending), cls_head=dict(label_smooth_eps=0.1))
optim_wrapper = dict(optimizer=dict(lr=1e-5), paramwise_cfg=dict(layer_decay_rate=1.))
auto_scale_lr = dict(base_batch_size=8)
