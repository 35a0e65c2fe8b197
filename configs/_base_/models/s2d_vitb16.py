# S2D: a frozen image ViT-B/16 over 16 frames, with stages of time and landmarks before its blocks, and anchors.
# model.backbone.landmarks.checkpoint is the file of the landmark net, which every use of the model needs.
image_set = 'affectnet'
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='S2DViT', arch='base', img_size=224, patch_size=16, landmarks=dict(checkpoint=None), freeze=True),
    cls_head=dict(type='AnchorDistillationHead', in_channels=768, dropout=0.5, label_smooth_eps=0.1),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW'))
# The tower's last norm of landmark features is there, as in the release, and unused.
find_unused_parameters = True

# A config that stands on this one: default_hooks = dict(anchors=_base_.anchor_hook), and of the recipes that it has,
# 'oversampled' draws classes alike, as the paper's second columns.
anchor_hook = dict(type='AnchorHook')
oversampled = {'train_dataloader.sampler': dict(type='BalancedSampler', replacement=True)}
