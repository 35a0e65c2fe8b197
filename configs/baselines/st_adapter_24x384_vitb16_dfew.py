# CLIP with ST-Adapter, 24x384: one before each attention, too.
_base_ = ['st_adapter_12x384_vitb16_dfew.py']

model = dict(
    backbone=dict(
        adapters=dict(
            _delete_=True,
            st_attn=dict(type='STAdapter', slot='before_attn', width=384),
            st_mlp=dict(type='STAdapter', slot='before_ffn', width=384))))
