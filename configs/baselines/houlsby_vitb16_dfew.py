# CLIP with Houlsby's adapters (ICML 2019): a bottleneck of 64 behind each attention and each MLP.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_3e-4_30e.py',
    '../_base_/default_runtime.py'
]

model = dict(
    backbone=dict(
        adapters=dict(
            attn=dict(type='BottleneckAdapter', slot='attn_out', width=64),
            mlp=dict(type='BottleneckAdapter', slot='ffn_out', width=64))))
