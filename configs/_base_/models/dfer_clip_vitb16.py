# DFER-CLIP (BMVC 2023) on the ViT-B/16 towers: the image tower fully tuned, a temporal transformer over frame features,
# descriptions as texts behind a learned context of each class. Frames go in as [0, 1], without CLIP's mean and standard
# deviation, as in the release.
_base_ = ['clip_vitb16.py']

model = dict(
    backbone=dict(freeze=False),
    cls_head=dict(
        texts=dict(source='descriptions', templates=['{}.']),
        prompts=dict(context=8, class_specific=True),
        temporal=dict(type='TemporalTransformer', in_channels=512, num_frames=16)),
    data_preprocessor=dict(mean=[0., 0., 0.], std=[255., 255., 255.]))
