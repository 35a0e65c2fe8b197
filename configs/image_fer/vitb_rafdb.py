# Image stage: a ViT-B/16 fine-tuned on RAF-DB's basic expressions.
_base_ = [
    '../_base_/models/vitb_image.py', '../_base_/datasets/rafdb.py', '../_base_/schedules/image_finetune.py',
    '../_base_/default_runtime.py'
]
