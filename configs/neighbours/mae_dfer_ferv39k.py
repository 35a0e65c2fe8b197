# MAE-DFER (ACM MM 2023) on FERV39k, fine-tuned whole. Give its pre-training by --image-checkpoint.
_base_ = [
    '../_base_/models/mae_dfer.py', '../_base_/datasets/ferv39k_mae_160.py', '../_base_/schedules/mae_finetune_100e.py',
    '../_base_/default_runtime.py'
]
