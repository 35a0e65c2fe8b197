# CLIP with deep visual prompts (VPT, ECCV 2022): eight learned tokens in every layer, class names as texts.
_base_ = [
    '../_base_/models/clip_vitb16.py', '../_base_/datasets/dfew.py', '../_base_/schedules/pe_clip_30e.py',
    '../_base_/default_runtime.py'
]

model = dict(cls_head=dict(prompts=dict(vision='own', vision_context=8, vision_depth=12)))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(prompt_learner=dict(lr_mult=1.))))
