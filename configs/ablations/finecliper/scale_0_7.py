_base_ = ['base_dfew.py']

model = dict(
    backbone=dict(adapters=[
        dict(type='BottleneckAdapter', slot='temporal_attn', width=128, skip=False),
        dict(type='BottleneckAdapter', slot='attn_out', width=128),
        dict(type='BottleneckAdapter', slot='parallel_ffn', width=128, skip=False, scale=0.7)
    ]))
