# Without negative texts.
_base_ = ['base_dfew.py']

model = dict(cls_head=dict(negative_encoder=None))
