"""Losses for uneven classes: closed forms, soft targets, counts from the training set."""
import numpy as np
import pytest
import torch
from mmaction.models.losses import CBFocalLoss
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from mmdfer.losses import CountedLoss, class_weights

COUNTS = [50, 3, 20, 7]
LOSSES = {
    'weighted': dict(type='ClassWeightedLoss'),
    'weighted_sqrt': dict(type='ClassWeightedLoss', weighting='sqrt'),
    'focal': dict(type='SoftmaxFocalLoss'),
    'focal_balanced': dict(type='SoftmaxFocalLoss', gamma=0.5, weighting='effective', beta=0.99),
    'adjusted': dict(type='LogitAdjustedLoss', tau=1.3),
}


def build(name, **kwargs):
    return MODELS.build(dict(LOSSES[name], class_counts=COUNTS, **kwargs))


def head(name, **kwargs):
    torch.manual_seed(0)
    return MODELS.build(dict(type='LinearVideoHead', num_classes=4, in_channels=6,
                             loss_cls=dict(LOSSES[name], class_counts=COUNTS), **kwargs))


@pytest.mark.parametrize('weighting, raw', [
    ('inverse', lambda n: 1 / n), ('sqrt', lambda n: 1 / np.sqrt(n)), ('effective', lambda n: 0.01 / (1 - 0.99**n))])
def test_class_weights(weighting, raw):
    weights = class_weights(torch.tensor(COUNTS), weighting, beta=0.99).double().numpy()
    expected = raw(np.array(COUNTS, dtype=float))
    np.testing.assert_allclose(weights, expected / expected.mean(), rtol=1e-6)


def test_effective_weights_are_mmaction2s():
    theirs = CBFocalLoss(samples_per_cls=COUNTS, beta=0.999).weights
    np.testing.assert_allclose(class_weights(torch.tensor(COUNTS), 'effective', 0.999).numpy(), theirs, rtol=1e-5)


def test_weighted_cross_entropy_is_torchs():
    torch.manual_seed(0)
    logits, labels = torch.randn(9, 4), torch.randint(4, (9, ))
    weights = class_weights(torch.tensor(COUNTS), 'inverse')
    expected = F.cross_entropy(logits, labels, weights, reduction='none').mean()
    torch.testing.assert_close(build('weighted')(logits, labels), expected)


def test_focal_loss_of_two_classes_is_torchvisions():
    """On two classes the softmax is the sigmoid of the difference."""
    torch.manual_seed(0)
    logits, labels = torch.randn(9, 2) * 3, torch.randint(2, (9, ))
    expected = sigmoid_focal_loss(logits[:, 1] - logits[:, 0], labels.float(), alpha=-1, gamma=2., reduction='mean')
    torch.testing.assert_close(MODELS.build(dict(type='SoftmaxFocalLoss'))(logits, labels), expected)


def test_neutral_settings_are_cross_entropy():
    torch.manual_seed(0)
    logits, labels = torch.randn(9, 4), torch.randint(4, (9, ))
    for loss in (dict(type='SoftmaxFocalLoss', gamma=0.), dict(type='LogitAdjustedLoss', tau=0., class_counts=COUNTS),
                 dict(type='LogitAdjustedLoss', class_counts=[8] * 4),
                 dict(type='ClassWeightedLoss', class_counts=[8] * 4)):
        torch.testing.assert_close(MODELS.build(loss)(logits, labels), F.cross_entropy(logits, labels))


def test_adjusted_logits_are_fisher_consistent_for_the_balanced_error():
    """With p(y) ∝ counts · q(y) and enough data, the minimiser's logits are log q: the balanced posterior."""
    torch.manual_seed(0)
    q = torch.tensor([.1, .4, .2, .3])
    posterior = torch.tensor(COUNTS) * q
    logits = torch.zeros(1, 4, requires_grad=True)
    loss = MODELS.build(dict(type='LogitAdjustedLoss', class_counts=COUNTS))
    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-9, line_search_fn='strong_wolfe')

    def closure():
        optimizer.zero_grad()
        value = loss(logits, (posterior / posterior.sum())[None])
        value.backward()
        return value
    optimizer.step(closure)
    torch.testing.assert_close(logits.detach().softmax(dim=-1)[0], q, atol=1e-4, rtol=0)


@pytest.mark.parametrize('smooth', [0., 0.1])
@pytest.mark.parametrize('name', LOSSES)
def test_mixed_targets_cost_what_the_two_labels_cost(name, smooth):
    module, share = head(name, label_smooth_eps=smooth), 0.3
    features, first, second = torch.randn(5, 3, 6), torch.randint(4, (5, )), torch.randint(4, (5, ))

    def cost(targets):
        return module.loss(features, [ActionDataSample().set_gt_label(target) for target in targets])['loss_cls']
    mixed = share * F.one_hot(first, 4) + (1 - share) * F.one_hot(second, 4)
    torch.testing.assert_close(cost(mixed), share * cost(first.tolist()) + (1 - share) * cost(second.tolist()))


@pytest.mark.parametrize('name', LOSSES)
def test_gradients(name):
    torch.manual_seed(0)
    logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    loss = build(name).double()
    loss.class_counts = loss.class_counts.double()
    assert torch.autograd.gradcheck(lambda x: loss.per_class(x), (logits, ))
    sure = torch.tensor([[200., 0., -200., 0.]], requires_grad=True)
    build(name)(sure, torch.tensor([0])).backward()
    assert sure.grad.isfinite().all()


def test_a_class_without_clips_costs_no_infinity():
    for name in LOSSES:
        module = MODELS.build(dict(LOSSES[name], class_counts=[5, 0, 3, 2]))
        assert module(torch.randn(3, 4), torch.tensor([0, 1, 2])).isfinite()


def test_counts_stay_out_of_checkpoints_and_weights_scale():
    module = build('weighted', loss_weight=2.)
    assert module.state_dict() == {}
    logits, labels = torch.randn(3, 4), torch.tensor([0, 1, 2])
    torch.testing.assert_close(module(logits, labels), 2 * build('weighted')(logits, labels))


def test_mistakes_are_named():
    logits, labels = torch.randn(2, 4), torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"ClassWeightedLoss has no class counts: add dict\(type='ClassCountsHook'\)"):
        MODELS.build(dict(type='ClassWeightedLoss'))(logits, labels)
    with pytest.raises(ValueError, match='2 class counts for 4 classes'):
        MODELS.build(dict(type='LogitAdjustedLoss', class_counts=[1, 2]))(logits, labels)
    with pytest.raises(ValueError, match="weighting='log' is not known"):
        MODELS.build(dict(type='ClassWeightedLoss', weighting='log', class_counts=COUNTS))(logits, labels)
    with pytest.raises(ValueError, match='expected clips of each class'):
        MODELS.build(dict(type='ClassWeightedLoss', class_counts=[1, -1]))
    with pytest.raises(ValueError, match='gamma=-1'):
        MODELS.build(dict(type='SoftmaxFocalLoss', gamma=-1))
    assert issubclass(MODELS.get('SoftmaxFocalLoss'), CountedLoss)
