# PE-CLIP's mixing of whole clips: each batch Mixup (0.4, Beta(0.4, 0.4)), FMix (0.3) or neither (0.3).
# A config that stands on this one: model = dict(data_preprocessor=dict(blending=_base_.blending))
blending = dict(
    type='RandomBatchAugment',
    augments=[
        dict(type='MixupBlending', alpha=0.4),
        dict(type='FMixBlending', alpha=1., decay=3.)
    ],
    probs=[0.4, 0.3])
