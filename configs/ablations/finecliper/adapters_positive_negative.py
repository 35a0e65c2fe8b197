_base_ = ['base_dfew.py']

model = dict(backbone=dict(adapters=[]))
