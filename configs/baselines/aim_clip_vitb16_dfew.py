# AIM: adapters after the reused temporal attention, after attention and beside the MLP, 10.65 M; a temporal embedding,
# the last norm and the classifier train, too.
_base_ = [
    '../_base_/models/clip_vitb16_linear.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_3e-4_30e.py',
    '../_base_/default_runtime.py'
]

model = dict(
    backbone=dict(
        adapters=[
            dict(type='BottleneckAdapter', slot='temporal_attn', skip=False, drop_path=0.2),
            dict(type='BottleneckAdapter', slot='attn_out'),
            dict(type='BottleneckAdapter', slot='parallel_ffn', skip=False, scale=0.5, drop_path=0.2)
        ],
        temporal_embedding=16,
        tune_final_norm=True),
    cls_head=dict(dropout=0.5))
