# FRU-Adapter on MAFW, by its own recipe.
_base_ = [
    '../_base_/models/fru_adapter_vitl16.py', '../_base_/datasets/mafw_mae_224.py',
    '../_base_/augment/mixup_cutmix.py', '../_base_/schedules/fru_adapter_100e.py', '../_base_/default_runtime.py'
]

model = dict(data_preprocessor=dict(blending=_base_.blending), cls_head=dict(label_smooth_eps=0.1))
train_dataloader = dict(batch_size=16)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
