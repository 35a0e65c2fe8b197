# Groups: depthwise D²Conv3D, 336 wide to keep the number of parameters.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(backbone=dict(adapters=[dict(type='FEAdapter', slot='before_attn', blocks='all', width=336, groups=336)]))
