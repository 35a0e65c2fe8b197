_base_ = ['../../pe_clip_vitb16_dfew.py']

model = dict(
    backbone=dict(adapters=[]),
    cls_head=dict(text_encoder=dict(adapters=[
            dict(type='SharedAdapter', slot='attn_out', reduction=8),
            dict(type='BottleneckAdapter', slot='ffn_out', reduction=8, zero_init=False),
        ])))
