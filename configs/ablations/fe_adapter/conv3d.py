# Temporal modelling: a dense Conv3d, without dynamic dilation.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(backbone=dict(adapters=[dict(type='FEAdapter', slot='before_attn', blocks='all', width=116, conv='Conv3d')]))
