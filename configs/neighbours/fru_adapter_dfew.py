# FRU-Adapter on DFEW, by its own recipe, without mixing and smoothing.
_base_ = [
    '../_base_/models/fru_adapter_vitl16.py', '../_base_/datasets/dfew_mae_224.py',
    '../_base_/schedules/fru_adapter_100e.py', '../_base_/default_runtime.py'
]

train_dataloader = dict(batch_size=20)
