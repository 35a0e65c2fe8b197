# pe_clip_mix.py for MAFW's 11 classes.
_base_ = ['pe_clip_mix.py']

num_classes = 11
blending = dict(
    augments=[
        dict(type='MixupBlending', num_classes=num_classes, alpha=0.4),
        dict(type='FMixBlending', num_classes=num_classes, alpha=1., decay=3.)
    ])
