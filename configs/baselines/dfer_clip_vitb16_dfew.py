# DFER-CLIP with the ViT-B/16 towers; the paper's own are those of dfer_clip_vitb32_dfew.py.
_base_ = [
    '../_base_/models/clip_vitb16.py', '../_base_/datasets/dfew.py', '../_base_/schedules/dfer_clip_50e.py',
    '../_base_/default_runtime.py'
]

model = dict(
    backbone=dict(freeze=False),
    cls_head=dict(
        texts=dict(source='descriptions', templates=['{}.']),
        prompts=dict(context=8, class_specific=True),
        temporal=dict(type='TemporalTransformer', in_channels=512, num_frames=16)))
train_dataloader = dict(batch_size=48)
