# FineCLIPER on FERV39k with all its modalities.
_base_ = [
    '_base_/models/finecliper_vitb16.py', '_base_/datasets/ferv39k.py', '_base_/datasets/beside_frames.py',
    '_base_/schedules/finecliper_30e.py', '_base_/default_runtime.py'
]
