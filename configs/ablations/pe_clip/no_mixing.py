_base_ = ['../../pe_clip_vitb16_dfew.py']

model = dict(
    data_preprocessor=dict(blending=None))
