# VideoMAE's ViT-B (NeurIPS 2022) on DFEW, fully fine-tuned.
_base_ = [
    '../_base_/models/videomae_vitb.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_1e-4_100e.py',
    '../_base_/default_runtime.py'
]
