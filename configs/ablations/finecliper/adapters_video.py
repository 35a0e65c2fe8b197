_base_ = ['base_dfew.py']

model = dict(cls_head=dict(text_encoder=dict(adapters=[]), negative_encoder=dict(adapters=[])))
