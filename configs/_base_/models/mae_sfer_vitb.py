# MAE-SFER's classifier: an image ViT-B/16, linear on its class token, all of it trained, by Mixup alone.
_base_ = ['vitb_image.py']

model = dict(
    backbone=dict(drop_path_rate=0.),
    head=dict(loss=dict(_delete_=True, type='mmpretrain.CrossEntropyLoss', use_soft=True)),
    train_cfg=dict(augments=[dict(type='Mixup', _scope_='mmpretrain', alpha=1.0)]))
