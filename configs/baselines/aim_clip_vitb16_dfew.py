# AIM: adapters after the reused temporal attention, after attention and beside the MLP, 10.65 M; a temporal embedding,
# the last norm and the classifier train, too.
_base_ = [
    '../_base_/models/clip_vitb16.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_5e-4_100e.py',
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

# The release's: 3e-4 for 64 clips, 30 epochs of which 2.5 warm up, no decay on norms and the embedding.
train_cfg = dict(max_epochs=30)
optim_wrapper = dict(
    optimizer=dict(lr=3e-4, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0., custom_keys=dict(temporal_embedding=dict(decay_mult=0.))))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=True, begin=0, end=2.5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=2.5, T_max=27.5, end=30, eta_min=0, convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=64)
