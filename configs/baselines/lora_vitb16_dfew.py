# CLIP with LoRA (ICLR 2022) of rank 8 on queries, keys and values.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_3e-4_30e.py',
    '../_base_/default_runtime.py'
]

model = dict(backbone=dict(lora=dict(rank=8, alpha=16, targets=['qkv'])))
