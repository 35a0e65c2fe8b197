# TimeSformer (ICML 2021) on DFEW, fully fine-tuned.
_base_ = [
    '../_base_/models/timesformer_vitb.py', '../_base_/datasets/dfew.py', '../_base_/schedules/adamw_1e-4_100e.py',
    '../_base_/default_runtime.py'
]
