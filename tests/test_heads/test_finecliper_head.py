"""FineCLIPER's equations against a direct computation, clip by clip and class by class."""
import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.nn import functional as F

from mmdfer.registry import MODELS
from mmdfer.text import class_texts, tokenize

from ..test_text.clip_models import TEXT

ADAPTER = dict(type='BottleneckAdapter', slot='before_attn', width=8, zero_init=False)
ENCODER = dict(type='CLIPTextEncoder', arch=TEXT, adapters=[ADAPTER])
POSITIVE, NEGATIVE = 'A person with an expression of {}.', 'A person with an expression of no {}.'
TEMPERATURE = 0.2


def build(**kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(
        dict(type='FineCLIPERHead', num_classes=7, text_encoder=ENCODER,
             texts=dict(dataset='dfew', templates=[POSITIVE]),
             negative_encoder=ENCODER, negative_texts=dict(templates=[NEGATIVE]), temperature=TEMPERATURE), **kwargs))


def features(batch=3):
    generator = torch.Generator().manual_seed(1)
    return dict(video=torch.randn(batch, 5, 32, generator=generator),
                parsing=torch.randn(batch, 5, 32, generator=generator),
                caption=torch.randn(batch, 32, generator=generator))


PRESENT = dict(parsing=torch.tensor([True, False, True]), caption=torch.tensor([True, False, False]))


def slow(head, x, present, labels):
    """The equations, one clip, one modality and one class at a time, in float64."""
    def texts(encoder, template):
        sentences = [of[0] for of in class_texts('dfew', templates=[template])]
        return encoder.encode_text(tokenize(sentences)).double()

    positive, negative = texts(head.text_encoder, POSITIVE), texts(head.negative_encoder, NEGATIVE)

    def similarity(m):
        return torch.stack([F.cosine_similarity(m, p, dim=0) - F.cosine_similarity(m, n, dim=0)
                            for p, n in zip(positive, negative, strict=True)])

    logits, weights, losses = [], [], []
    for index, label in enumerate(labels):
        there = [name for name in x if name not in present or present[name][index]]
        m = {name: x[name][index].double() for name in there}
        m = {name: F.normalize(v.mean(0) if v.ndim == 2 else v, dim=0) for name, v in m.items()}
        s = {name: similarity(v) for name, v in m.items()}
        top = torch.stack([s[name].max() for name in there])
        w = dict(zip(there, top.exp() / top.exp().sum(), strict=True))
        fused = similarity(sum(w[name] * m[name] for name in there)) / TEMPERATURE
        cross = [w[name] * -torch.log_softmax(s[name] / TEMPERATURE, 0)[label] for name in there]
        losses.append(-torch.log_softmax(fused, 0)[label] + sum(cross))
        logits.append(fused)
        weights.append(torch.stack([w.get(name, torch.zeros((), dtype=torch.float64)) for name in x]))
    return torch.stack(logits), torch.stack(weights), torch.stack(losses).mean()


def samples(labels):
    return [ActionDataSample().set_gt_label(label) for label in labels]


@pytest.mark.parametrize('present', [{}, PRESENT])
def test_similarity_weights_fusion_and_loss_are_the_papers(present):
    head, x, labels = build(), features(), [0, 3, 6]
    expected, expected_weights, expected_loss = slow(head, x, present, labels)
    fused, _, weights = head.fuse(x, present)
    torch.testing.assert_close(fused.double(), expected, rtol=1e-4, atol=1e-5)
    found = torch.stack(list(weights.values()), 1)
    torch.testing.assert_close(found.double(), expected_weights, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found.sum(1), torch.ones(3))
    losses = head.loss(x, samples(labels), present=present)
    total = sum(value for name, value in losses.items() if name.startswith('loss'))
    torch.testing.assert_close(total.double(), expected_loss, rtol=1e-4, atol=1e-5)


def test_a_missing_modality_is_as_if_it_were_not_there():
    head, x = build(), features(1)
    absent = head.fuse(x, dict(caption=torch.tensor([False])))[0]
    torch.testing.assert_close(absent, head.fuse({k: v for k, v in x.items() if k != 'caption'})[0])
    assert (absent - head.fuse(x)[0]).abs().max() > 1e-3


def test_gradients_reach_every_adapter_and_nothing_frozen():
    head, x = build(), {name: value.requires_grad_() for name, value in features().items()}
    losses = head.loss(x, samples([0, 3, 6]), present=PRESENT)
    sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    for name, parameter in head.named_parameters():
        assert (parameter.grad is not None and parameter.grad.abs().max() > 0) == ('.adapters.' in name), name
    assert all(value.grad.abs().max() > 0 for value in x.values())
    assert x['caption'].grad[1:].abs().max() == 0                      # absent there


def test_labels_are_encoded_once_a_step():
    head, calls = build(), []
    for encoder in (head.text_encoder, head.negative_encoder):
        encoder.register_forward_hook(lambda *_: calls.append(1))
    head.loss(features(), samples([0, 1, 2]))
    assert len(calls) == 2


def test_towers_of_both_texts_share_what_is_frozen():
    head = build()
    one, two = (dict(encoder.named_parameters()) for encoder in (head.text_encoder, head.negative_encoder))
    assert all((one[name] is two[name]) == ('.adapters.' not in name) for name in one)


def test_without_negative_texts_it_is_a_text_head():
    head, plain = build(negative_encoder=None), MODELS.build(dict(
        type='CLIPTextHead', num_classes=7, text_encoder=ENCODER, texts=dict(dataset='dfew', templates=[POSITIVE]),
        temperature=TEMPERATURE))
    plain.load_state_dict(head.state_dict())
    torch.testing.assert_close(head(features()['video']), plain(features()['video']))


def test_label_smoothing_and_mixed_targets():
    head, x = build(label_smooth_eps=0.1), features()
    fused = head.fuse(x)[0]
    torch.testing.assert_close(head.loss(x, samples([1, 2, 3]))['loss_fused'],
                               F.cross_entropy(fused, torch.tensor([1, 2, 3]), label_smoothing=0.1))


@pytest.mark.parametrize('kwargs', [dict(reduce='max'), dict(prompts=dict(context=2))])
def test_settings_without_meaning_are_refused(kwargs):
    with pytest.raises(ValueError, match='leave out prompts'):
        build(**kwargs)
