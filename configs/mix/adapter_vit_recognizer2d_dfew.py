# FE-Adapter's ViT in MMAction2's Recognizer2D, on DFEW.
_base_ = [
    '../_base_/models/adapter_vitb.py', '../_base_/datasets/dfew_2d.py', '../_base_/schedules/adamw_5e-4_100e.py',
    '../_base_/default_runtime.py'
]

# The frames come one by one, as Recognizer2D has them; num_segments tells the adapters which make a clip.
model = dict(
    type='Recognizer2D',
    backbone=dict(
        num_segments=16, adapters=dict(fe=dict(type='FEAdapter', slot='before_attn', blocks='all', width=116))),
    cls_head=dict(
        _delete_=True, type='TSNHead', in_channels=768, spatial_type=None, dropout_ratio=0., topk=1,
        average_clips='prob'),
    data_preprocessor=dict(format_shape='NCHW'))
