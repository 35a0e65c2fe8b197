# Demo, second stage without adapters: the mean of the frozen ViT's frame features, and a linear classifier.
_base_ = ['../_base_/datasets/demo.py', '../_base_/schedules/adamw_2e-3_demo.py', '../_base_/default_runtime.py']

model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='AdapterViT',
        arch=dict(embed_dims=96, num_layers=4, num_heads=4, feedforward_channels=384),
        img_size=_base_.size,
        patch_size=8,
        adapters=dict(),
        freeze=True,
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/demo/image_stage/best.pth')),
    cls_head=dict(type='LinearVideoHead', in_channels=96),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        format_shape='NCTHW'))

epochs = 4
train_cfg = dict(max_epochs=epochs)
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=epochs, convert_to_iter_based=True)
]
