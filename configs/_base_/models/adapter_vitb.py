# A frozen image ViT-B/16 over 16 frames; configs add the adapters.
# The set that the image model is fine-tuned on, FE-Adapter's best: what {image_set} in --image-checkpoint stands for.
image_set = 'affectnet'
model = dict(
    type='Recognizer3D',
    backbone=dict(type='AdapterViT', arch='base', img_size=224, patch_size=16, adapters=dict(), freeze=True),
    cls_head=dict(type='LinearVideoHead', in_channels=768),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW'))
