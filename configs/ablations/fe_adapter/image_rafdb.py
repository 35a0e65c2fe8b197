# Image stage: the frozen ViT was fine-tuned on RAF-DB by configs/image_fer/vitb_rafdb.py.
_base_ = ['../../fe_adapter_vitb_dfew.py']

model = dict(
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint='work_dirs/vitb_rafdb/best.pth')))
