# FineCLIPER on DFEW with all its modalities; the rows of ablations/finecliper.yaml leave some out.
_base_ = [
    '_base_/models/finecliper_vitb16.py', '_base_/datasets/dfew.py', '_base_/datasets/beside_frames.py',
    '_base_/schedules/finecliper_30e.py', '_base_/default_runtime.py'
]
