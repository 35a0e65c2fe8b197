# FineCLIPER on CLIP ViT-B/16 and Long-CLIP: positive and negative label texts with adapters of their own, AIM's
# adapters of width 128 for the frames. Configs add map_encoder (width 96) and caption_encoder (width 64).
# --clip-checkpoint gives CLIP's weights, --long-clip-checkpoint the caption encoder's.
frames = dict(
    type='AdapterViT',
    arch='base',
    img_size=224,
    patch_size=16,
    pre_norm=True,
    proj_dim=512,
    norm_cfg=dict(type='LN', eps=1e-5),
    layer_cfg=dict(act_cfg=dict(type='mmpretrain.QuickGELU')),
    temporal_embedding=16,
    adapters=dict(
        temporal=dict(type='BottleneckAdapter', slot='temporal_attn', width=128),
        spatial=dict(type='BottleneckAdapter', slot='attn_out', width=128),
        mlp=dict(type='BottleneckAdapter', slot='parallel_ffn', width=128, scale=0.5)),
    freeze=True)
map_encoder = dict(
    frames,
    adapters=dict(
        temporal=dict(type='BottleneckAdapter', slot='temporal_attn', width=96),
        spatial=dict(type='BottleneckAdapter', slot='attn_out', width=96),
        mlp=dict(type='BottleneckAdapter', slot='parallel_ffn', width=96, scale=0.5)))
labels = dict(
    type='CLIPTextEncoder',
    arch='ViT-B/16',
    context_length=77,
    adapters=dict(
        attn=dict(type='BottleneckAdapter', slot='before_attn', width=128),
        ffn=dict(type='BottleneckAdapter', slot='before_ffn', width=128)),
    freeze=True)
caption_encoder = dict(
    labels, context_length=248, adapters=dict(attn=dict(type='BottleneckAdapter', slot='before_attn', width=64)))

model = dict(
    type='FineCLIPER',
    backbone=frames,
    cls_head=dict(
        type='FineCLIPERHead',
        num_classes=7,
        text_encoder=labels,
        texts=dict(dataset='dfew', source='noun', templates=['A person with an expression of {}.']),
        negative_encoder=labels,
        negative_texts=dict(templates=['A person with an expression of no {}.']),
        temperature=0.01),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        format_shape='NCTHW'))
