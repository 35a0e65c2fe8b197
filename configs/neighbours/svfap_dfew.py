# SVFAP on DFEW, fine-tuned whole. Give its pre-training by --image-checkpoint.
_base_ = [
    '../_base_/models/svfap.py', '../_base_/datasets/dfew_mae_160.py', '../_base_/schedules/mae_finetune_100e.py',
    '../_base_/default_runtime.py'
]
