# CLIP with AdaptFormer (NeurIPS 2022): a ReLU bottleneck of 64 beside each MLP, on its normed input.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_3e-4_30e.py',
    '../_base_/default_runtime.py'
]

model = dict(
    backbone=dict(
        adapters=dict(
            mlp=dict(type='BottleneckAdapter', slot='parallel_ffn', width=64, act='relu', scale=0.1))))
