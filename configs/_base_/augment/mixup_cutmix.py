# Mixup or CutMix for every batch, evenly, as in the fine-tuning of masked autoencoders.
# A config that stands on this one: model = dict(data_preprocessor=dict(blending=_base_.blending))
num_classes = 7
blending = dict(
    type='RandomBatchAugment',
    augments=[
        dict(type='MixupBlending', num_classes=num_classes, alpha=0.8),
        dict(type='CutmixBlending', num_classes=num_classes, alpha=1.)
    ])
