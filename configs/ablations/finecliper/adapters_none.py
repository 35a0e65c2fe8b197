# No adapters at all: the embedding of time alone trains.
_base_ = ['base_dfew.py']

model = dict(
    backbone=dict(adapters=[]),
    cls_head=dict(text_encoder=dict(adapters=[]), negative_encoder=dict(adapters=[])))
