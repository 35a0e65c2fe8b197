# Image stage: the frozen ViT was fine-tuned on FERPlus by configs/image_fer/vitb_ferplus.py.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='work_dirs/vitb_ferplus/best.pth')))
