"""A file's classes against the model's: the same, in another order, or others; in every kind of head and file."""
import pytest
import torch
from torch import nn

from mmdfer.datasets import class_names
from mmdfer.registry import MODELS
from mmdfer.weights import CheckpointError, class_axes, load_weights, save_tunable

from ..test_text.clip_models import TEXT

OURS = ('happy', 'sad', 'neutral', 'angry')
THEIRS = ('angry', 'happy', 'neutral', 'sad')
PLACES = [THEIRS.index(name) for name in OURS]
ENCODER = dict(type='CLIPTextEncoder', arch=TEXT, adapters=[
    dict(type='BottleneckAdapter', slot='ffn_out', width=4, zero_init=False)])
HEADS = {
    'linear': dict(type='LinearVideoHead', in_channels=32),
    'I3D': dict(type='I3DHead', in_channels=32, spatial_type=None),
    'mmpretrain': dict(type='mmpretrain.LinearClsHead', in_channels=32),
    'contexts of classes': dict(type='CLIPTextHead', text_encoder=ENCODER,
                                prompts=dict(context=2, class_specific=True)),
}
TEXTS = dict(shared=dict(type='CLIPTextHead', text_encoder=ENCODER, prompts=dict(context=2)),
             finecliper=dict(type='FineCLIPERHead', text_encoder=ENCODER, negative_encoder=ENCODER,
                             negative_texts=dict(templates=['no {}'])),
             contrastive=dict(type='CaptionContrastiveHead', text_encoder=ENCODER))


def build(head, classes, seed=0):
    """A head on a frozen layer; what is frozen is the same whatever the seed."""
    torch.manual_seed(0)
    head = dict(head, num_classes=len(classes))
    if 'text_encoder' in head:
        head['texts'] = dict(classes=classes)
    model = nn.ModuleDict(dict(backbone=nn.Linear(3, 3).requires_grad_(False)))
    place = 'head' if head['type'].startswith('mmpretrain') else 'cls_head'
    model[place] = MODELS.build(head)
    torch.manual_seed(100 + seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, std=0.3)
    return model.eval()


@torch.no_grad()
def scores(model):
    x = torch.randn(5, 1, 32, generator=torch.Generator().manual_seed(3))
    head = model['head'] if 'head' in model else model['cls_head']
    return head((x[:, 0], )) if 'head' in model else head(x[:, 0] if hasattr(head, 'fc_cls') else x)


def file(model, classes, kind, path):
    """A tunable file, or a checkpoint as mmengine writes it; ``classes`` None for one that does not know them."""
    if kind == 'tunable':
        save_tunable(model, path / 'x.safetensors', {} if classes is None else dict(classes=list(classes)))
        return path / 'x.safetensors'
    meta = {} if classes is None else dict(dataset_meta=dict(dataset='toy', classes=classes))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path / 'x.pth')
    return path / 'x.pth'


@pytest.mark.parametrize('kind', ['tunable', 'full'])
@pytest.mark.parametrize('name', [*HEADS, *TEXTS])
def test_another_order_gives_the_same_score_to_the_same_class(tmp_path, name, kind):
    head = {**HEADS, **TEXTS}[name]
    trained, fresh = build(head, THEIRS, seed=1), build(head, OURS, seed=2)
    load_weights(fresh, file(trained, THEIRS, kind, tmp_path), OURS)
    torch.testing.assert_close(scores(fresh), scores(trained)[:, PLACES], rtol=1e-5, atol=1e-5)
    assert (scores(trained) - scores(trained)[:, PLACES]).abs().max() > 1e-3
    assert bool(class_axes(trained)) == (name in HEADS)


def test_names_of_the_same_emotions_are_the_same_classes(tmp_path):
    other = ('Anger', 'Happiness', 'Neutral', 'Sadness')
    trained, fresh = build(HEADS['linear'], other, seed=1), build(HEADS['linear'], OURS, seed=2)
    load_weights(fresh, file(trained, other, 'full', tmp_path), OURS)
    torch.testing.assert_close(scores(fresh), scores(trained)[:, PLACES])


@pytest.mark.parametrize('theirs, told', [
    (('angry', 'happy', 'neutral', 'fear'),
     'classes angry, happy, neutral, fear; the data have .*missing sad; extra fear'),
    (('angry', 'happy', 'neutral'), 'missing sad'),
    (('angry', 'happy', 'neutral', 'sad', 'fear'), 'extra fear'),
])
@pytest.mark.parametrize('name', HEADS)
def test_other_classes_are_refused_by_name_and_nothing_is_loaded(tmp_path, name, theirs, told):
    fresh = build(HEADS[name], OURS, seed=2)
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    with pytest.raises(CheckpointError, match=told):
        load_weights(fresh, file(build(HEADS[name], theirs), theirs, 'full', tmp_path), OURS)
    assert all(torch.equal(value, before[key]) for key, value in fresh.state_dict().items())


@pytest.mark.parametrize('name', TEXTS)
def test_texts_move_to_other_classes(tmp_path, name):
    theirs, ours = class_names('mafw'), class_names('dfew')
    trained, fresh = build(TEXTS[name], theirs, seed=1), build(TEXTS[name], ours, seed=2)
    load_weights(fresh, file(trained, theirs, 'full', tmp_path), ours)
    places = [theirs.index(noun) for noun in (
        'happiness', 'sadness', 'neutral', 'anger', 'surprise', 'disgust', 'fear')]
    torch.testing.assert_close(scores(fresh), scores(trained)[:, places], rtol=1e-4, atol=1e-4)


def test_a_file_that_does_not_know_its_classes_loads_if_the_count_fits(tmp_path):
    trained, fresh = build(HEADS['linear'], THEIRS, seed=1), build(HEADS['linear'], OURS, seed=2)
    load_weights(fresh, file(trained, None, 'tunable', tmp_path), OURS)
    torch.testing.assert_close(scores(fresh), scores(trained))
    with pytest.raises(CheckpointError, match='shapes differ'):
        load_weights(build(HEADS['linear'], OURS[:3]), file(trained, None, 'full', tmp_path), OURS[:3])


def test_a_head_that_does_not_say_what_goes_by_class_keeps_its_order(tmp_path):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.randn(4, 2))
    model = nn.ModuleDict(dict(cls_head=Own()))
    path = file(model, THEIRS, 'full', tmp_path)
    with pytest.raises(CheckpointError, match='does not say which of its tensors go by class.*class_axes'):
        load_weights(model, path, OURS)
    load_weights(model, path, THEIRS)


def test_a_file_that_contradicts_itself_is_told(tmp_path):
    trained = build(HEADS['linear'], THEIRS[:3])
    with pytest.raises(CheckpointError, match='fc.weight has 3 classes, its meta names 4'):
        load_weights(build(HEADS['linear'], OURS), file(trained, THEIRS, 'full', tmp_path), OURS)
