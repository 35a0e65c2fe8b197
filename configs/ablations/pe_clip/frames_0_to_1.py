# The release's input: frames divided by 255, without CLIP's mean and standard deviation.
_base_ = ['../../pe_clip_vitb16_dfew.py']

model = dict(
    data_preprocessor=dict(mean=[0., 0., 0.], std=[255., 255., 255.]))
