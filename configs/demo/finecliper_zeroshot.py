# Demo, zero-shot: FineCLIPER's video encoder learns from captions alone, no label is read in training. Classes are told
# by class_texts.yaml, in validation and on other sets (finecliper_zeroshot_to_other.py). The text tower starts from
# random weights and trains whole.
_base_ = ['finecliper_base.py']

epochs = 12
model = dict(
    _delete_=True,
    type='VideoTextRecognizer',
    backbone=_base_.frames,
    cls_head=dict(
        type='CaptionContrastiveHead',
        text_encoder=dict(
            type='CLIPTextEncoder',
            arch=dict(embed_dims=96, num_layers=2, num_heads=4, feedforward_channels=192, proj_dim=96),
            context_length=248,
            freeze=False,
            init_cfg=None),
        texts=dict(file='{{ fileDirname }}/class_texts.yaml'),
        temperature=0.07,
        learn_temperature=True),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        format_shape='NCTHW'))

train_pipeline = [
    *_base_.train_view,
    dict(type='LoadCaption', missing='leave_out'), _base_.formatting, _base_.packing_captions
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
train_cfg = dict(max_epochs=epochs, val_interval=3)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=1, T_max=epochs - 1, convert_to_iter_based=True)
]
