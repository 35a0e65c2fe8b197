model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='AdapterViT',
        arch=dict(embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16),
        img_size=16,
        patch_size=8,
        temporal_embedding=3,
        tune_final_norm=True,
        adapters=[
            dict(type='FEAdapter', slot='before_attn', width=4),
            dict(type='BottleneckAdapter', slot='attn_out', width=4),
            dict(type='TemporalModelingAdapter', slot='before_attn', blocks='2', width=4, num_heads=2),
            dict(type='BottleneckAdapter', slot='temporal_attn', width=4, skip=False),
            dict(type='BottleneckAdapter', slot='parallel_ffn', width=4, skip=False, scale=0.5),
            dict(type='SharedAdapter', slot='attn_out', width=4),
            dict(type='TemporalDynamicAdapter', slot='ffn_out', width=4),
            dict(type='STAdapter', slot='before_ffn', width=4),
            dict(type='STAdapter', slot='after_attn', width=4, blocks=1),
            dict(type='BottleneckAdapter', slot='after_ffn', width=4, act='relu')
        ],
        init_cfg=dict(type='Pretrained', checkpoint='image.pth')),
    cls_head=dict(type='LinearVideoHead', num_classes=3, in_channels=8))
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='TunableOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.01),
    paramwise_cfg=dict(bias_decay_mult=0.))
train_cfg = dict(by_epoch=True, max_epochs=2)
