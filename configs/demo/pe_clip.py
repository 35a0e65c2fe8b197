# Demo of PE-CLIP: the image stage's ViT stands for CLIP's image tower, the text tower is random; both are frozen.
_base_ = ['temporal_aggregation.py']

model = dict(
    type='VideoTextRecognizer',
    backbone=dict(
        adapters=dict(
            sha=dict(type='SharedAdapter', slot='attn_out', reduction=4),
            tda=dict(
                type='TemporalDynamicAdapter', slot='ffn_out', reduction=4, recurrence='gru', scaling='post_up'))),
    cls_head=dict(
        _delete_=True,
        type='CLIPTextHead',
        in_channels=96,
        text_encoder=dict(
            type='CLIPTextEncoder',
            arch=dict(embed_dims=128, num_layers=4, num_heads=2, feedforward_channels=512, proj_dim=96),
            init_cfg=None,
            adapters=dict(
                sha=dict(type='SharedAdapter', slot='attn_out', reduction=4),
                ta=dict(type='BottleneckAdapter', slot='ffn_out', reduction=4, zero_init=False))),
        texts=dict(source='action_units', templates=['{}.']),
        prompts=dict(context=2, depth=3, vision='coupled', init='a photo'),
        temperature=0.01))

epochs = 6
train_cfg = dict(max_epochs=epochs)
param_scheduler = [
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=epochs, convert_to_iter_based=True)
]
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(prompt_learner=dict(lr_mult=0.15))))
