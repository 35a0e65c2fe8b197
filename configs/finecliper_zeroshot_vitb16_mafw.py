# Zero-shot pre-training on the captions of MAFW; the labels of its test clips serve validation alone.
_base_ = [
    '_base_/models/finecliper_zeroshot_vitb16.py', '_base_/datasets/mafw.py', '_base_/datasets/beside_frames.py',
    '_base_/schedules/finecliper_30e.py', '_base_/default_runtime.py'
]

# Training goes without clips that have no caption, and tells how many.
beside_frames = dict(maps=None, captions=dict(steps=[dict(type='LoadCaption', missing='leave_out')]))
