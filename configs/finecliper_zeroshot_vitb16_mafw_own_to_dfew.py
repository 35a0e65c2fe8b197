# Zero-shot evaluation on DFEW of what was trained on MAFW's own captions.
_base_ = [
    '_base_/models/finecliper_zeroshot_vitb16.py', '_base_/datasets/dfew.py',
    '_base_/schedules/finecliper_30e.py', '_base_/default_runtime.py'
]
