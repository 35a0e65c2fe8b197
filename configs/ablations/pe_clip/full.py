_base_ = ['../../pe_clip_vitb16_dfew.py']
