# DFEW by its class texts, for a model that contrastive_clip_vitb16_mafw.py trained:
# python tools/test.py THIS work_dirs/contrastive_clip_vitb16_mafw/fold_1/epoch_30.pth --data-root data/DFEW
_base_ = [
    '_base_/models/contrastive_clip_vitb16.py', '_base_/datasets/dfew.py', '_base_/schedules/finecliper_30e.py',
    '_base_/default_runtime.py'
]
