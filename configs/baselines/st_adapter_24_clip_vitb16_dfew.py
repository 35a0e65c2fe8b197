# ST-Adapter before attention and before the MLP of each block (24x384): 14.22 M, and the classifier.
_base_ = './st_adapter_clip_vitb16_dfew.py'

model = dict(
    backbone=dict(adapters=[
        dict(type='STAdapter', slot='before_attn', blocks='all', width=384),
        dict(type='STAdapter', slot='before_ffn', blocks='all', width=384)
    ]))
