# Image stage: a ViT-B/16 fine-tuned on AffectNet, 8 classes.
_base_ = [
    '../_base_/models/vitb_image.py', '../_base_/datasets/affectnet.py', '../_base_/schedules/image_finetune.py',
    '../_base_/default_runtime.py'
]
