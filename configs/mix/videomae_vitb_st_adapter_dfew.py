# ST-Adapter in MMAction2's VideoMAE ViT-B, frozen, on DFEW.
_base_ = ['videomae_vitb_fe_adapter_dfew.py']

model = dict(backbone=dict(adapters=dict(_delete_=True, st=dict(type='STAdapter', slot='before', width=384))))
