_base_ = [
    '../_base_/models/vitb_image.py', '../_base_/datasets/ferplus.py', '../_base_/schedules/image_finetune.py',
    '../_base_/default_runtime.py'
]
