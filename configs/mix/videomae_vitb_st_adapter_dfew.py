_base_ = ['videomae_vitb_fe_adapter_dfew.py']

model = dict(backbone=dict(adapter=dict(_delete_=True, type='STAdapter', width=384)))
