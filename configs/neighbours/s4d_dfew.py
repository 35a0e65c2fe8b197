# S4D on DFEW, on clips alone.
_base_ = [
    '../_base_/models/s4d_vitb16.py', '../_base_/datasets/dfew_mae_160.py', '../_base_/schedules/s4d_100e.py',
    '../_base_/default_runtime.py'
]

train_dataloader = dict(batch_size=32)
