# CLIP with AIM (ICLR 2023): the frozen attention reused over time, three bottlenecks a block; CLIP's mean and standard
# deviation as its release rounds them.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_3e-4_30e.py',
    '../_base_/default_runtime.py'
]

model = dict(
    backbone=dict(
        temporal_embedding=16,
        tune_final_norm=True,
        adapters=dict(
            temporal=dict(type='BottleneckAdapter', slot='temporal_attn', reduction=4, drop_path=0.2),
            spatial=dict(type='BottleneckAdapter', slot='attn_out', reduction=4),
            mlp=dict(type='BottleneckAdapter', slot='parallel_ffn', reduction=4, scale=0.5, drop_path=0.2))),
    cls_head=dict(dropout=0.5),
    data_preprocessor=dict(mean=[122.769, 116.74, 104.04], std=[68.493, 66.63, 70.321]))
