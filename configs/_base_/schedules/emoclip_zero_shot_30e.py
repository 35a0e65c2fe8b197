# EmoCLIP's recipe with captions: SGD 1e-3 for 128 clips a step (scaled to the real number), a tenth of it after 15 of
# 30 epochs (and 35 and 50, for longer runs).
_base_ = ['emoclip_50e.py']

train_cfg = dict(max_epochs=30)
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[15, 35, 50], gamma=0.1)]
auto_scale_lr = dict(base_batch_size=128)
