_base_ = ['../../pe_clip_vitb16_dfew.py']

model = dict(
    cls_head=dict(prompts=dict(_delete_=True, context=16)))
