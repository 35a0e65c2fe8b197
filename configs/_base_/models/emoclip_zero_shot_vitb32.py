# EmoCLIP as in emoclip_vitb32.py, trained on clips and their captions, no labels, and predicting by descriptions of the
# classes.
_base_ = ['emoclip_vitb32.py']

model = dict(cls_head=dict(type='CaptionContrastiveHead', truncate=True))
