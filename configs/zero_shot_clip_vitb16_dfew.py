# CLIP without training on DFEW: its features against an ensemble of sentences; testing needs --clip-checkpoint alone.
_base_ = [
    '_base_/models/clip_vitb16.py', '_base_/datasets/dfew.py', '_base_/schedules/pe_clip_30e.py',
    '_base_/default_runtime.py'
]

model = dict(cls_head=dict(texts=dict(source='noun', templates='faces')))
# What {image_set} in --clip-checkpoint stands for.
image_set = 'clip_vitb16'
