# EmoCLIP (FG 2024): CLIP ViT-B/32, both towers frozen, and a temporal transformer over the frames' features, trained
# with labels against a description of each class. Its heads are 2048 wide and its MLP 512: two arguments are swapped in
# the release, which is what was published.
_base_ = ['clip_vitb16.py']

model = dict(
    backbone=dict(patch_size=32),
    cls_head=dict(
        type='ClassContrastiveHead',
        text_encoder=dict(arch='ViT-B/32', scale_parameter=True),
        texts=dict(source='class_description', templates=['An expression of {}.']),
        temporal=dict(
            type='TemporalTransformer',
            in_channels=512,
            num_frames=1023,
            num_layers=2,
            num_heads=8,
            head_channels=2048,
            feedforward_channels=512),
        learn_temperature=True,
        max_scale=None))
