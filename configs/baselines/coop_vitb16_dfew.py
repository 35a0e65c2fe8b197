# CLIP with CoOp (IJCV 2022): sixteen learned tokens before the class name.
_base_ = ['vpt_vitb16_dfew.py']

model = dict(
    cls_head=dict(
        texts=dict(templates=['{}.']),
        prompts=dict(_delete_=True, context=16)))
