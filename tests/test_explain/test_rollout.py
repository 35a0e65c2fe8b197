"""Rollout equals its closed form on linear models, sums to 1, and what it cannot be had of is refused."""
import numpy as np
import pytest
import torch
from torch import nn

from mmdfer.explain import attention, attention_maps, flow_of, hidden_frames
from mmdfer.registry import MODELS
from mmdfer.weights.loading import rename
from mmdfer.weights.video_files import VIDEO_MAE_RULES

from .models import ARCH, FRAMES, LINEAR, OVER_TIME, POOLED, TIMESFORMER, VIDEOMAE, clip, recognizer

BACKBONES = {'frames': (FRAMES, None), 'over time': (dict(FRAMES, adapters=dict(time=OVER_TIME)), None),
             'videomae': (VIDEOMAE, POOLED), 'timesformer': (TIMESFORMER, POOLED)}


@pytest.fixture(scope='module')
def models():
    from mmengine.registry import init_default_scope
    init_default_scope('mmaction')
    return {name: recognizer(backbone, **(dict(head=head) if head else {}))
            for name, (backbone, head) in BACKBONES.items()}


@pytest.mark.parametrize('name', BACKBONES)
def test_maps_are_of_the_frames_patches_and_sum_to_one(models, name):
    model, one = models[name], clip()
    before = model.extract_feat(one, stage='head')[0]
    maps = attention_maps(model, one)
    torch.testing.assert_close(maps.probabilities, before[0].softmax(dim=0), rtol=1e-4, atol=1e-5)
    assert maps.target == int(before.argmax())
    for values in (maps.rollout, maps.attention, maps.flow):
        assert values.shape == (4, 2, 2) and (values >= 0).all()
        assert float(values.sum()) == pytest.approx(1, abs=1e-9)
    other = attention_maps(model, one, target=(maps.target + 1) % 3)
    assert not torch.allclose(other.rollout, maps.rollout) and torch.equal(other.attention, maps.attention)
    assert attention_maps(model, one, gradient=False).rollout is None


def test_a_clip_of_another_shape_has_its_own_grid(models):
    assert attention_maps(models['frames'], clip(3, 16, 24)).rollout.shape == (3, 2, 3)


def test_prompts_behind_the_patches_have_no_part(models):
    """PE-CLIP's vision prompts are tokens, and no patches."""
    model = models['frames']
    forward = model.backbone.forward
    model.backbone.forward = lambda x: forward(x, prompts=torch.full((2, 24), 0.3))
    try:
        maps = attention_maps(model, clip())
    finally:
        del model.backbone.forward
    assert maps.rollout.shape == (4, 2, 2) and float(maps.rollout.sum()) == pytest.approx(1)


def linear_model(monkeypatch, frames=3):
    """x + A_l x in each of two blocks with fixed maps, read by its class token: its tokens X and maps are known."""
    model = recognizer(dict(FRAMES, adapters={}, arch=dict(embed_dims=24, num_layers=2, num_heads=1,
                                                           feedforward_channels=24)))
    rng = np.random.default_rng(0)
    maps = rng.dirichlet(np.ones(5), size=(2, frames, 5)).astype(np.float32)              # (blocks, T, L, L)
    for block in model.backbone.layers:
        block.ln1, block.ln2 = nn.Identity(), nn.Identity()
        nn.init.zeros_(block.ffn.layers[1].weight)
        nn.init.zeros_(block.ffn.layers[1].bias)
        with torch.no_grad():
            block.attn.qkv.weight[48:] = torch.eye(24)
            block.attn.qkv.bias.zero_()
            block.attn.proj.weight.copy_(torch.eye(24))
            block.attn.proj.bias.zero_()
    model.backbone.ln1 = nn.Identity()
    order = iter(range(2))
    monkeypatch.setattr(attention, 'attention_map', lambda query, key: torch.from_numpy(
        maps[next(order)])[:, None] + 0 * (query.sum() + key.sum()))
    return model, maps


def test_rollout_of_a_linear_model_is_its_closed_form(monkeypatch):
    model, (first, second) = linear_model(monkeypatch)
    one, unit = clip(frames=3), np.eye(5)
    tokens = model.backbone.embed(one[0, 0].transpose(0, 1), 3)[0].detach().numpy()        # (T, L, C)
    weight = model.cls_head.fc.weight.detach().numpy()
    found = attention_maps(model, one, target=1)
    rollout, flow = [], []
    for x, a1, a2 in zip(tokens, first, second):
        # y = (1/T) Σ_t [(I + A2)(I + A1) X]_0 · c, so that dy/dA2 = e0 ⊗ (I + A1) X c and dy/dA1 = (I + A2)ᵀ e0 ⊗ X c.
        c = weight[1] / 3
        gradient_2 = np.outer(unit[0], (unit + a1) @ x @ c)
        gradient_1 = np.outer((unit + a2)[0], x @ c)
        product = (unit + np.maximum(a2 * gradient_2, 0)) @ (unit + np.maximum(a1 * gradient_1, 0))
        rollout.append(product[0, 1:])
        flow.append(((unit + a2) @ (unit + a1))[0, 1:])
    for values, expected in ((found.rollout, rollout), (found.flow, flow), (found.attention, second[:, 0, 1:])):
        expected = np.array(expected) / np.sum(expected)
        np.testing.assert_allclose(values.numpy().reshape(3, 4), expected, rtol=1e-4, atol=1e-7)


def test_divided_attention_is_followed_as_the_tokens_go(models):
    """Against the matrix of one block's linear map, column by column."""
    flow = flow_of(models['timesformer'].backbone)
    flow.grid, (frames, patches) = (3, 1, 2), (3, 2)
    rng = np.random.default_rng(0)
    over_time = rng.dirichlet(np.ones(frames), size=(patches, frames))                     # (P, T, T)
    over_space = rng.dirichlet(np.ones(1 + patches), size=(frames, 1 + patches))

    def block(x):
        """A class token and patches (P, T), as the stock block orders them."""
        token, rest = x[0], x[1:].reshape(patches, frames)
        rest = rest + np.einsum('pts,ps->pt', over_time, rest)
        seen = [np.concatenate([[token], rest[:, t]]) for t in range(frames)]
        moved = np.stack([a @ one for a, one in zip(over_space, seen)])                   # (T, 1 + P)
        return np.concatenate([[token + moved[:, 0].mean()], (rest + moved[:, 1:].T).ravel()])

    matrix = np.stack([block(column) for column in np.eye(1 + patches * frames)], axis=1)
    expected = np.linalg.matrix_power(matrix, 2)[0, 1:].reshape(patches, frames).T
    maps = [torch.from_numpy(one) for one in (over_time, over_space)] * 2
    np.testing.assert_allclose(flow.back(maps).numpy().reshape(frames, patches), expected, rtol=1e-10)


def test_tubelets_are_followed_by_the_product_of_the_maps(models):
    flow = flow_of(models['videomae'].backbone)
    flow.grid, flow.frames = (2, 1, 2), 4
    maps = torch.rand(2, 1, 4, 4, dtype=torch.float64)
    product = (torch.eye(4) + maps[1, 0]) @ (torch.eye(4) + maps[0, 0])
    expected = product.mean(dim=0).reshape(2, 1, 2).repeat_interleave(2, dim=0)
    torch.testing.assert_close(flow.back(list(maps)), expected)


def test_the_same_weights_in_our_joint_transformer_give_the_same_maps(models):
    joint = recognizer(dict(type='JointViT', arch=ARCH, img_size=16, patch_size=8, num_frames=4), LINEAR)
    theirs = {name.replace('embed.projection.', 'embed.proj.').replace('mlp.layers.0.0', 'mlp.fc1').replace(
        'mlp.layers.1', 'mlp.fc2'): value for name, value in models['videomae'].backbone.state_dict().items()}
    del theirs['pos_embed']
    joint.backbone.load_state_dict(rename(theirs, VIDEO_MAE_RULES))
    joint.cls_head.fc.load_state_dict(models['videomae'].cls_head.fc_cls.state_dict())
    expected, found = (attention_maps(model, clip()) for model in (models['videomae'], joint))
    for one, other in ((expected.rollout, found.rollout), (expected.flow, found.flow)):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize('backbone, why', [
    (dict(type='ResNet3d', depth=18, pretrained=None), 'ResNet3d has no attention'),
    (dict(type='C3D'), 'C3D has no attention'),
    (dict(type='MViT', arch=dict(embed_dims=8, num_layers=1, num_heads=1, downscale_indices=[]), spatial_size=32,
          temporal_size=4), 'MViT pools its tokens between blocks'),
    (dict(TIMESFORMER, attention_type='joint_space_time'), "TimeSformer with attention_type='joint_space_time'"),
])
def test_backbones_without_attention_over_patches_are_refused_by_name(backbone, why):
    with torch.device('meta'), pytest.raises(ValueError, match=why):
        flow_of(MODELS.build(backbone))


def test_a_model_without_gradients_to_its_attention_is_refused():
    model = recognizer(FRAMES)
    forward = model.backbone.forward
    model.backbone.forward = torch.no_grad()(forward)
    with pytest.raises(ValueError, match='no gradient to 2 of the 2 attention modules of AdapterViT, which attention '
                                         'rollout needs'):
        attention_maps(model, clip())
    assert float(attention_maps(model, clip(), gradient=False).attention.sum()) == pytest.approx(1)


def test_what_the_frames_do_not_decide_is_refused():
    model = recognizer(FRAMES)
    nn.init.zeros_(model.cls_head.fc.weight)
    with pytest.raises(ValueError, match='the gradient of class 0 at the attention of AdapterViT is zero everywhere'):
        attention_maps(model, clip(), target=0)
    with pytest.raises(ValueError, match='class 3: the model has 3 classes'):
        attention_maps(model, clip(), target=3)
    nn.init.constant_(model.cls_head.fc.weight, float('nan'))
    for measure in (attention_maps, hidden_frames):
        with pytest.raises(ValueError, match='the logits of the clip are no numbers'):
            measure(model, clip())


def test_recomputed_blocks_give_the_same_maps(models):
    plain, recomputed = models['frames'], recognizer(dict(FRAMES, with_cp=True))
    one = clip()
    torch.testing.assert_close(attention_maps(recomputed, one).rollout, attention_maps(plain, one).rollout)
    assert recomputed.backbone.with_cp


class Weighted(nn.Module):
    """A recognizer whose first logit is Σ_t w_t · mean of frame t; the second is 0."""

    def __init__(self, weights):
        super().__init__()
        self.weights = torch.tensor(weights)

    def extract_feat(self, clips, stage='head', data_samples=None):
        first = (clips.mean(dim=(1, 2, 4, 5)) * self.weights).sum(dim=1)
        return torch.stack([first, torch.zeros_like(first)], dim=1), {}


def test_a_hidden_frame_takes_its_own_part():
    weights, one = [0.5, 0.0, -1.0, 2.0, 3.0, 0.1], clip(frames=6)
    model = Weighted(weights)
    means = one.mean(dim=(0, 1, 2, 4, 5)).double().numpy()
    total = (means * weights).sum()
    expected = [1 / (1 + np.exp(-total)) - 1 / (1 + np.exp(-(total - w * (m - means.mean()))))
                for w, m in zip(weights, means)]
    np.testing.assert_allclose(hidden_frames(model, one, target=0).numpy(), expected, atol=1e-6)
