# Demo, FineCLIPER with frames and captions, without maps; the captions' text tower trains whole, as its weights are
# random and a caption has more to tell than adapters alone make of them.
_base_ = ['finecliper_base.py']

captions = dict(_base_.labels, context_length=248, adapters=dict(), freeze=False)
model = dict(modalities=dict(caption=dict(type='CaptionModality', encoder=captions)))

load = dict(type='LoadCaption')
ending = [_base_.formatting, _base_.packing_captions]

train_pipeline = [*_base_.train_view, load, *ending]
test_pipeline = [*_base_.test_view, load, *ending]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
