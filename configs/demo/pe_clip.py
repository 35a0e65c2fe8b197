# Demo of PE-CLIP: the linear probe's image tower and a small text tower, both with random frozen weights; all of
# PE-CLIP's adapters and prompts.
_base_ = ['linear_probe.py']

model = dict(
    type='VideoTextRecognizer',
    backbone=dict(
        adapters=[
            dict(type='SharedAdapter', slot='attn_out', reduction=4),
            dict(type='TemporalDynamicAdapter', slot='ffn_out', reduction=4, recurrence='gru', scaling='post_up')
        ]),
    cls_head=dict(
        _delete_=True,
        type='CLIPTextHead',
        num_classes=7,
        text_encoder=dict(
            type='CLIPTextEncoder',
            arch=dict(embed_dims=128, num_layers=4, num_heads=2, feedforward_channels=512, proj_dim=128),
            adapters=[
                dict(type='SharedAdapter', slot='attn_out', reduction=4),
                dict(type='BottleneckAdapter', slot='ffn_out', reduction=4, zero_init=False)
            ]),
        texts=dict(dataset='dfew', source='action_units', templates=['{}.']),
        prompts=dict(context=2, depth=3, vision='coupled', init='a photo'),
        temperature=0.01))

epochs = 12
train_cfg = dict(max_epochs=epochs)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(prompt_learner=dict(lr_mult=0.15))))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=1, T_max=epochs - 1, convert_to_iter_based=True)
]
