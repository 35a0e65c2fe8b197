# FineCLIPER on CLIP ViT-B/16 and Long-CLIP: positive and negative label texts with adapters of their own, AIM's
# adapters of width 128 for the frames and of 96 for both kinds of maps, one of 64 for captions. A modality that is None
# is left out, and so is an encoder that none goes through.
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
maps = dict(
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
captions = dict(
    labels, context_length=248, adapters=dict(attn=dict(type='BottleneckAdapter', slot='before_attn', width=64)))

model = dict(
    type='FineCLIPER',
    backbone=frames,
    encoders=dict(map=maps),
    modalities=dict(
        video=dict(type='VideoModality'),
        parsing=dict(type='MapModality', key='parsing_maps', encoder='map'),
        landmarks=dict(type='MapModality', key='landmark_maps', encoder='map'),
        caption=dict(type='CaptionModality', encoder=captions)),
    cls_head=dict(
        type='FineCLIPERHead',
        text_encoder=labels,
        texts=dict(source='noun', templates=['A person with an expression of {}.']),
        negative_encoder=labels,
        negative_texts=dict(templates=['A person with an expression of no {}.']),
        temperature=0.01),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        format_shape='NCTHW'))
