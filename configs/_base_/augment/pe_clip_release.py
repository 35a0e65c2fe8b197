# The recipe of PE-CLIP's release, where it differs from the paper's: Mixup's weight in [0.3, 0.7]; warm-up from 2e-5
# for adapters and prompts alike, and a cosine of 30 epochs, by epoch; context at N(0, 0.02), and the biases of TDA's
# gate and W_down at zero; crops of 8 % of the area and more; frames as [0, 1], without CLIP's mean and standard
# deviation, tested whole, resized by Pillow. Its recurrence along the batch is no part of it (ablations/pe_clip.yaml:
# across_batch). A config that stands on this one names what else its set has:
#     recipe, recipes = 'paper', dict(release={**_base_.release, **_base_.release_view([...])})
_base_ = ['pillow_view.py']

release_opening = [
    dict(type='ClipInit'),
    dict(type='SampleSegments', num_frames=16),
    dict(type='ClipDecode')
]
release_ending = [
    dict(type='RandomResizedCrop', area_range=(0.08, 1.0), aspect_ratio_range=(3 / 4, 4 / 3)),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))
]
brightness = dict(type='ClipColorJitter', brightness=0.5, contrast=0., saturation=0., hue=0.)
rotation = dict(type='TorchVisionWrapper', op='RandomRotation', degrees=4)

release = {
    'model.data_preprocessor.mean': [0., 0., 0.],
    'model.data_preprocessor.std': [255., 255., 255.],
    'model.data_preprocessor.blending': dict(
        type='RandomBatchAugment',
        augments=[
            dict(type='ClippedMixupBlending', alpha=0.4, low=0.3, high=0.7),
            dict(type='FMixBlending', alpha=1., decay=3.)
        ],
        probs=[0.4, 0.3]),
    'model.backbone.adapters.tda.zero_bias': True,
    'model.cls_head.prompts.init': None,
    'param_scheduler': [dict(type='WarmUpCosineLR', start_lr=2e-5, warm_up=3, length=30)],
    'default_hooks.checkpoint.save_best': 'war',
    'test_pipeline': _base_.pillow_view,
    'val_dataloader.dataset.pipeline': _base_.pillow_view,
    'test_dataloader.dataset.pipeline': _base_.pillow_view
}
