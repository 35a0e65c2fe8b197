# FineCLIPER's zero-shot model: its video encoder, and the captions' text tower of 248 tokens, which encodes the class
# texts of a set too. Trained by captions alone. --clip-checkpoint gives the video encoder's weights,
# --long-clip-checkpoint the text tower's.
_base_ = ['finecliper_vitb16.py']

model = dict(
    _delete_=True,
    type='VideoTextRecognizer',
    backbone=_base_.frames,
    cls_head=dict(
        type='CaptionContrastiveHead',
        text_encoder=_base_.captions,
        texts=dict(source='noun', templates=['A person with an expression of {}.']),
        temperature=0.01),
    data_preprocessor=dict(
        type='ActionDataPreprocessor',
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        format_shape='NCTHW'))
