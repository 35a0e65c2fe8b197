# Demo, FineCLIPER with frames and label texts alone: the frozen ViT of the image stage and AIM's adapters, and small
# text towers with random weights, which stay frozen but for their adapters. Others below add maps and captions.
_base_ = ['../_base_/datasets/demo.py', '../_base_/schedules/adamw_2e-3_demo.py', '../_base_/default_runtime.py']

frames = dict(
    type='AdapterViT',
    arch=dict(embed_dims=96, num_layers=4, num_heads=4, feedforward_channels=384),
    img_size=_base_.size,
    patch_size=8,
    temporal_embedding=_base_.num_frames,
    adapters=dict(
        temporal=dict(type='BottleneckAdapter', slot='temporal_attn', width=24),
        spatial=dict(type='BottleneckAdapter', slot='attn_out', width=24),
        mlp=dict(type='BottleneckAdapter', slot='parallel_ffn', width=24, scale=0.5)),
    freeze=True,
    init_cfg=dict(type='Pretrained', checkpoint='work_dirs/demo/image_stage/best.pth'))
labels = dict(
    type='CLIPTextEncoder',
    arch=dict(embed_dims=96, num_layers=2, num_heads=4, feedforward_channels=192, proj_dim=96),
    context_length=77,
    adapters=dict(
        attn=dict(type='BottleneckAdapter', slot='before_attn', width=24),
        ffn=dict(type='BottleneckAdapter', slot='before_ffn', width=24)),
    freeze=True,
    init_cfg=None)

model = dict(
    type='FineCLIPER',
    backbone=frames,
    modalities=dict(video=dict(type='VideoModality')),
    cls_head=dict(
        type='FineCLIPERHead',
        in_channels=96,
        text_encoder=labels,
        texts=dict(source='noun', templates=['A person with an expression of {}.']),
        negative_encoder=labels,
        negative_texts=dict(templates=['A person with an expression of no {}.']),
        temperature=0.01),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        format_shape='NCTHW'))

epochs = 2
train_cfg = dict(max_epochs=epochs, val_interval=1)
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=epochs, convert_to_iter_based=True)
]
