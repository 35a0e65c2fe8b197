# PE-CLIP: shared adapters and temporal-dynamic adapters for the frames, shared and text adapters for action-unit texts,
# MaPLe prompts of two tokens in the first nine layers of both towers.
_base_ = ['clip_vitb16.py']

model = dict(
    backbone=dict(
        adapters=dict(
            sha=dict(type='SharedAdapter', slot='attn_out', reduction=8),
            tda=dict(
                type='TemporalDynamicAdapter', slot='ffn_out', reduction=8, recurrence='gru', scaling='post_up'))),
    cls_head=dict(
        text_encoder=dict(
            adapters=dict(
                sha=dict(type='SharedAdapter', slot='attn_out', reduction=8),
                ta=dict(type='BottleneckAdapter', slot='ffn_out', reduction=8, zero_init=False))),
        texts=dict(source='action_units', templates=['{}.']),
        prompts=dict(context=2, depth=9, vision='coupled', init='a photo')))
