# CLIP with CoCoOp (CVPR 2022): a learned context that each clip's feature shifts; the text tower runs once a clip.
_base_ = ['vpt_vitb16_dfew.py']

model = dict(
    cls_head=dict(
        texts=dict(templates=['{}.']),
        prompts=dict(_delete_=True, context=4, conditional=True, init='a photo of a')))
