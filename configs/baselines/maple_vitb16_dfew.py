# CLIP with MaPLe (CVPR 2023): two tokens in nine layers of both towers, the frames' mapped from the texts'.
_base_ = ['vpt_vitb16_dfew.py']

model = dict(
    cls_head=dict(
        texts=dict(templates=['{}.']),
        prompts=dict(_delete_=True, context=2, depth=9, vision='coupled', init='a photo')))
