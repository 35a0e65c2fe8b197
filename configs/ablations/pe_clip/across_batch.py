# The release's recurrence along the whole batch; its predictions depend on the batch that a clip is in.
_base_ = ['../../pe_clip_vitb16_dfew.py']

model = dict(
    backbone=dict(adapters=[
        dict(type='SharedAdapter', slot='attn_out', reduction=8),
        dict(type='TemporalDynamicAdapter', slot='ffn_out', reduction=8, recurrence='gru', scaling='post_up', across_batch=True),
    ]))
