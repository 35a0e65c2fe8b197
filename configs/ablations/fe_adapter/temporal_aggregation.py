# Temporal modelling: none but the mean of the frozen frame features; the head alone is trained.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(backbone=dict(adapters=[]))
