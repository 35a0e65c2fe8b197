# Mixup or CutMix for every batch, evenly, as in the fine-tuning of masked autoencoders.
# A config that stands on this one: model = dict(data_preprocessor=dict(blending=_base_.blending))
blending = dict(
    type='RandomBatchAugment',
    augments=[
        dict(type='MixupBlending', alpha=0.8),
        dict(type='CutmixBlending', alpha=1.)
    ])
