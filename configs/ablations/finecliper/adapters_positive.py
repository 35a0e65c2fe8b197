_base_ = ['base_dfew.py']

model = dict(
    backbone=dict(adapters=[]),
    cls_head=dict(negative_encoder=dict(adapters=[])))
