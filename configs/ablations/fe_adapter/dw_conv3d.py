# Temporal modelling: a depthwise Conv3d, 336 wide to keep the number of parameters.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(backbone=dict(adapters=[dict(type='FEAdapter', slot='before_attn', blocks='all', width=336, groups=336, conv='Conv3d')]))
