# CLIP ViT-B/16 trained on clips and their captions, predicting by class texts: adapters of width 128 as FineCLIPER's,
# AIM's for the frames and two in every layer for the texts.
_base_ = ['clip_vitb16.py']

model = dict(
    backbone=dict(
        temporal_embedding=16,
        adapters=dict(
            temporal=dict(type='BottleneckAdapter', slot='temporal_attn', width=128),
            spatial=dict(type='BottleneckAdapter', slot='attn_out', width=128),
            mlp=dict(type='BottleneckAdapter', slot='parallel_ffn', width=128, scale=0.5))),
    cls_head=dict(
        type='CaptionContrastiveHead',
        text_encoder=dict(
            adapters=dict(
                attn=dict(type='BottleneckAdapter', slot='before_attn', width=128),
                ffn=dict(type='BottleneckAdapter', slot='before_ffn', width=128))),
        texts=dict(templates=['A person with an expression of {}.']),
        truncate=True))
