# FRU-Adapter on FERV39k, by its own recipe: a rate that the batch does not scale, no layer decay.
_base_ = [
    '../_base_/models/fru_adapter_vitl16.py', '../_base_/datasets/ferv39k_mae_224.py',
    '../_base_/augment/mixup_cutmix.py', '../_base_/schedules/mae_finetune_100e.py', '../_base_/default_runtime.py'
]

model = dict(data_preprocessor=dict(blending=_base_.blending), cls_head=dict(label_smooth_eps=0.1))
train_dataloader = dict(batch_size=20)
optim_wrapper = dict(optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=1.))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type='CosineAnnealingLR', by_epoch=True, begin=5, eta_min_ratio=0.1, convert_to_iter_based=True)
]
auto_scale_lr = dict(enable=False)
