# CLIP ViT-B/16, both towers frozen, over 16 frames: cosine with the class texts. Configs add adapters and prompts;
# --clip-checkpoint gives the weights. Frames are normalised by CLIP's own mean and standard deviation.
model = dict(
    type='VideoTextRecognizer',
    backbone=dict(
        type='AdapterViT',
        arch='base',
        img_size=224,
        patch_size=16,
        pre_norm=True,
        proj_dim=512,
        norm_cfg=dict(type='LN', eps=1e-5),
        layer_cfg=dict(act_cfg=dict(type='mmpretrain.QuickGELU')),
        adapters=dict(),
        freeze=True),
    cls_head=dict(
        type='CLIPTextHead',
        text_encoder=dict(type='CLIPTextEncoder', arch='ViT-B/16', context_length=77, adapters=dict(), freeze=True),
        texts=dict(source='noun', templates=['a photo of a face with an expression of {}.']),
        temperature=0.01),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        format_shape='NCTHW'))
