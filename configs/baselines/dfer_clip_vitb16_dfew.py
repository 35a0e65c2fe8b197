# DFER-CLIP on DFEW with the ViT-B/16 towers; the paper's own are those of dfer_clip_vitb32_dfew.py.
_base_ = [
    '../_base_/models/dfer_clip_vitb16.py', '../_base_/datasets/dfew.py', '../_base_/augment/pillow_view.py',
    '../_base_/schedules/dfer_clip_50e.py', '../_base_/default_runtime.py'
]

train_dataloader = dict(batch_size=48)
test_pipeline = _base_.pillow_view
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
