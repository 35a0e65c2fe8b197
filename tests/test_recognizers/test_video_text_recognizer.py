"""The recognizer of coupled prompts under MMAction2's contract, and PE-CLIP's promise about a batch."""
import copy

import pytest
import torch
from mmaction.structures import ActionDataSample

from mmdfer.backbones.freezing import count_parameters
from mmdfer.registry import MODELS

from ..test_text.clip_models import QUICK, TEXT, VISION

TDA = dict(type='TemporalDynamicAdapter', slot='ffn_out', reduction=8)
SHA = dict(type='SharedAdapter', slot='attn_out', reduction=8)
TA = dict(type='BottleneckAdapter', slot='ffn_out', reduction=8, zero_init=False)


def config(vision=(SHA, TDA), text=(SHA, TA), prompts=None, **kwargs):
    return dict(
        type='VideoTextRecognizer',
        backbone=dict(type='AdapterViT', arch=VISION, img_size=32, patch_size=8, pre_norm=True, proj_dim=32,
                      layer_cfg=QUICK, adapters=list(vision)),
        cls_head=dict(type='CLIPTextHead', num_classes=7, texts=dict(dataset='dfew', source='action_units'),
                      text_encoder=dict(type='CLIPTextEncoder', arch=TEXT, adapters=list(text)),
                      prompts=dict(context=2, depth=3, vision='coupled') if prompts is None else prompts),
        **kwargs)


def build(**kwargs):
    torch.manual_seed(0)
    model = MODELS.build(config(**kwargs))
    model.init_weights()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))     # no branch is left at zero
    return model


def clips(number=4, frames=5):
    return torch.randn(number, 1, 3, frames, 32, 32, generator=torch.Generator().manual_seed(2))


def samples(number):
    return [ActionDataSample().set_gt_label(index % 7) for index in range(number)]


def logits(model, inputs):
    with torch.no_grad():
        return model.eval().extract_feat(inputs, stage='head')[0]


NEIGHBOURS = {
    'pe_clip': dict(),
    'shared': dict(share_adapters=True),
    'coop': dict(vision=(), text=(), prompts=dict(context=4, class_specific=True)),
    'vpt': dict(vision=(), text=(), prompts=dict(vision='own', vision_context=3, vision_depth=3)),
    'cocoop': dict(vision=(), text=(), prompts=dict(context=2, conditional=True)),
    'tda_lstm': dict(vision=(dict(TDA, recurrence='lstm'), )),
}


@pytest.mark.parametrize('name', NEIGHBOURS)
def test_prediction_ignores_rest_of_batch(name):
    model, inputs = build(**NEIGHBOURS[name]), clips()
    together = logits(model, inputs)
    assert together.std(dim=0).max() > 1e-2
    order = [2, 0, 3, 1]
    torch.testing.assert_close(logits(model, inputs[order]), together[order], rtol=1e-6, atol=1e-4)
    for index in range(len(inputs)):
        # Logits are cosines times 100: 1e-6 of a cosine is 1e-4 here.
        torch.testing.assert_close(logits(model, inputs[index:index + 1])[0], together[index], rtol=1e-6, atol=1e-4)


def test_the_releases_recurrence_leaks_between_clips():
    with pytest.warns(UserWarning, match='predictions depend on the batch'):
        model = build(vision=(SHA, dict(TDA, across_batch=True)))
    inputs = clips()
    together = logits(model, inputs)
    assert (logits(model, inputs[[1, 0, 2, 3]])[[1, 0, 2, 3]] - together).abs().max() > 1e-2
    torch.testing.assert_close(logits(model, inputs[:1])[0], together[0], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize('name', NEIGHBOURS)
def test_a_step_trains_what_is_tunable_and_nothing_frozen(name):
    model = build(**NEIGHBOURS[name]).train()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    sum(value for key, value in model.loss(clips(), samples(4)).items() if key.startswith('loss')).backward()
    unused = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not unused                                                  # DDP would stop at the first step
    optimizer.step()
    tunable = {name for name, p in model.named_parameters(remove_duplicate=False) if p.requires_grad}
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and changed <= tunable


def test_views_are_averaged_and_can_run_a_few_at_a_time():
    inputs = clips(4).reshape(2, 2, 3, 5, 32, 32)
    model = build().eval()
    with torch.no_grad():
        scores = torch.stack([sample.pred_score for sample in model.predict(inputs, samples(2))])
        expected = logits(model, inputs).softmax(-1).unflatten(0, (2, 2)).mean(1)
        torch.testing.assert_close(scores, expected)
        few = build(test_cfg=dict(max_testing_views=1)).eval()
        torch.testing.assert_close(torch.stack([s.pred_score for s in few.predict(inputs, samples(2))]), expected,
                                   rtol=1e-4, atol=1e-5)


def test_vision_prompts_reach_the_frames_and_get_gradients():
    model = build(vision=(), text=()).train()
    model.loss(clips(), samples(4))['loss_cls'].backward()
    for couple in model.cls_head.prompt_learner.couplings:
        assert couple.weight.grad.abs().max() > 0


def test_full_precision_loss_survives_autocast():
    model = build().train()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        low = model.loss(clips(), samples(4))['loss_cls']
    full = model.loss(clips(), samples(4))['loss_cls']
    assert torch.isfinite(low) and low.item() == pytest.approx(full.item(), rel=0.3)


def test_sharing_counts_the_core_once():
    apart, shared = (count_parameters(build(share_adapters=share))[0] for share in (False, True))
    widths = VISION['embed_dims'], TEXT['embed_dims']
    core = 2 * widths[1] * (widths[1] // 8) + widths[1] // 8 + widths[1]
    assert apart - shared == VISION['num_layers'] * core and widths[0] == widths[1]
