# DK-CLIP (ACM MM 2024) on CLIP ViT-B/16: 16 frames in four snippets, messages between frames and between snippets,
# texts that read the patches of the clear snippets. The image tower and what CLIP does not have train, the text tower
# is frozen. Frames are normalised by ImageNet's mean and standard deviation, as in the release.
_base_ = ['clip_vitb16.py']

model = dict(
    type='AdapterRecognizer3D',
    backbone=dict(type='SnippetViT', snippets=4, freeze=False),
    cls_head=dict(
        type='SnippetTextHead',
        in_channels=512,
        snippets=4,
        texts=dict(source='noun_and_action_units', templates=['{}']),
        label_smooth_eps=0.1),
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]))
