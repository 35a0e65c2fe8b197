# One shared adapter for both modalities of a layer, as the paper's words have it.
_base_ = ['../../pe_clip_vitb16_dfew.py']

model = dict(
    share_adapters=True)
