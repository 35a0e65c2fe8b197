# S4D's recipe: that of mae_finetune_100e.py by 1e-5 for 8 clips a step. Its batches have 32.
_base_ = ['mae_finetune_100e.py']

optim_wrapper = dict(optimizer=dict(lr=1e-5))
auto_scale_lr = dict(base_batch_size=8)
