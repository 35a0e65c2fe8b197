# S4D (TAFFC): VideoMAE's ViT-B/16 at 160x160 with a mixture of adapter experts beside the MLP of blocks 7 to 12, a head
# of clips and one of images (AffectNet's seven classes), all of it trained on mixed batches with smoothed labels.
# --image-checkpoint gives VideoMAE's weights. experts.noise_in_testing=True and experts.capacity_factor=1. are the
# release's, and warn.
_base_ = ['../augment/mixup_cutmix.py']

find_unused_parameters = True      # a step trains one of the two heads
model = dict(
    type='VideoImageRecognizer3D',
    backbone=dict(
        type='JointViT',
        arch=dict(embed_dims=768, num_layers=12, num_heads=12, feedforward_channels=3072),
        img_size=160,
        patch_size=16,
        num_frames=16,
        tubelet_size=2,
        adapters=dict(experts=dict(
            type='ExpertMixture', slot='parallel_ffn', blocks='7-12', width=192, num_experts=8, top_k=2)),
        freeze=False),
    cls_head=dict(type='LinearVideoHead', in_channels=768, label_smooth_eps=0.1),
    image_head=dict(type='ImageHead', num_classes=7, in_channels=768, label_smooth_eps=0.1),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW',
        blending=_base_.blending))
