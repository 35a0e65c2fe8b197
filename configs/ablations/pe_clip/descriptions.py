# Several descriptions of each class, in place of the action units; one feature a class by their mean.
_base_ = ['../../pe_clip_vitb16_dfew.py']

model = dict(
    cls_head=dict(texts=dict(source='descriptions')))
