# Image stage: a ViT-B/16 fine-tuned on FERPlus, 8 classes by majority vote.
_base_ = [
    '../_base_/models/vitb_image.py', '../_base_/datasets/ferplus.py', '../_base_/schedules/image_finetune.py',
    '../_base_/default_runtime.py'
]
