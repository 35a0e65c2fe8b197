# Modulation: each tap scaled by a sigmoid, D²Conv3D's second version.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(backbone=dict(adapters=[dict(type='FEAdapter', slot='before_attn', blocks='all', width=116, modulation=True)]))
