_base_ = ['../../pe_clip_vitb16_dfew.py']

model = dict(
    cls_head=dict(text_encoder=dict(adapters=[])))
