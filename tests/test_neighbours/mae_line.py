"""Files of the masked-autoencoder line with random values, and its arithmetic in plain functions on their names.

Written from the systems' descriptions, without this project's modules.
"""
from __future__ import annotations

import math

import torch
from mmaction.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.nn.functional import conv3d, gelu, layer_norm

from mmdfer.apis.counting import build_shapes
from mmdfer.run_config import load_config

Shapes = dict[str, tuple[int, ...]]
HEADS = 8


def values(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Random values, of a size by which each part weighs in the output; scales of norms near 1."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        spread = 0.3 if len(shape) == 1 else 1.4 / math.sqrt(math.prod(shape[1:]))
        state[name] = spread * torch.randn(shape, generator=generator)
        if 'norm' in name and name.endswith('weight'):
            state[name] += 1
    return state


def lines(name: str, inputs: int, outputs: int) -> Shapes:
    return {f'{name}.weight': (outputs, inputs), f'{name}.bias': (outputs, )}


def norm_shapes(name: str, width: int) -> Shapes:
    return {f'{name}.weight': (width, ), f'{name}.bias': (width, )}


def attention_shapes(name: str, width: int, split: bool) -> Shapes:
    parts = {'q': 1, 'kv': 2} if split else {'qkv': 3}
    return {f'{name}.q_bias': (width, ), f'{name}.v_bias': (width, ),
            **{f'{name}.{part}.weight': (times * width, width) for part, times in parts.items()},
            **lines(f'{name}.proj', width, width)}


def mlp_shapes(name: str, width: int, hidden: int, out: int | None = None) -> Shapes:
    return {**lines(f'{name}.fc1', width, hidden), **lines(f'{name}.fc2', hidden, out or width)}


def ends(width: int, patch: int, classes: int) -> Shapes:
    return {'patch_embed.proj.weight': (width, 3, 2, patch, patch), 'patch_embed.proj.bias': (width, ),
            **norm_shapes('fc_norm', width), **lines('head', width, classes)}


class Arithmetic:
    """A release's computation on its own names, in float64."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = {name: value.double() for name, value in state.items()}

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.state[f'{name}.weight'].T + self.state[f'{name}.bias']

    def norm(self, name: str, x: Tensor) -> Tensor:
        return layer_norm(x, x.shape[-1:], self.state[f'{name}.weight'], self.state[f'{name}.bias'], 1e-6)

    def mlp(self, name: str, x: Tensor) -> Tensor:
        return self.linear(f'{name}.fc2', gelu(self.linear(f'{name}.fc1', x)))

    def attention(self, name: str, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Tokens (B, L, C) over their context, head after head."""
        at, width = self.state, x.shape[-1]
        context = x if context is None else context
        matrix = at.get(f'{name}.qkv.weight')
        if matrix is None:
            matrix = torch.cat([at[f'{name}.q.weight'], at[f'{name}.kv.weight']])
        q = x @ matrix[:width].T + at[f'{name}.q_bias']
        k, v = context @ matrix[width:2 * width].T, context @ matrix[2 * width:].T + at[f'{name}.v_bias']
        size, heads = width // HEADS, []
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            weights = (q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(size)).softmax(-1)
            heads.append(weights @ v[..., part])
        return self.linear(f'{name}.proj', torch.cat(heads, -1))

    def tokens(self, clips: Tensor) -> Tensor:
        """(B, T'·H'·W', C) with the sinusoid of the flat index."""
        kernel = self.state['patch_embed.proj.weight']
        x = conv3d(clips, kernel, self.state['patch_embed.proj.bias'], stride=kernel.shape[2:]).flatten(2).mT
        positions = torch.empty(x.shape[1:], dtype=torch.float64)
        for channel in range(x.shape[2]):
            angle = torch.arange(x.shape[1], dtype=torch.float64) / 10000 ** (2 * (channel // 2) / x.shape[2])
            positions[:, channel] = angle.cos() if channel % 2 else angle.sin()
        return x + positions

    def classify(self, mean: Tensor) -> Tensor:
        return self.linear('head', self.norm('fc_norm', mean))


def is_the_configs(release, config: str) -> None:
    """A whole release needs no settings and has each tensor of its config's model."""
    assert list(release.settings) == ['cls_head.num_classes']
    cfg = load_config(config)
    assert release.settings['cls_head.num_classes'] == cfg.model.cls_head.num_classes
    cfg.model.data_preprocessor.pop('blending', None)                # reads values
    init_default_scope('mmaction')
    own = build_shapes(cfg.model).state_dict()
    assert {name: value.shape for name, value in release.state.items()} == {
        name: value.shape for name, value in own.items()}


def built(release, dataset: str) -> nn.Module:
    """The recogniser of a converted release, by its config and settings, as a test of it builds it; in float64."""
    options = {f'model.{key}': value for key, value in release.settings.items()}
    cfg = load_config(release.config_on(dataset), options)
    init_default_scope('mmaction')
    model = MODELS.build(cfg.model)
    model.load_state_dict(release.state, strict=True)
    return model.double().eval()


@torch.no_grad()
def logits(model: nn.Module, clips: Tensor) -> Tensor:
    return model.cls_head(model.backbone(clips))


def agrees_in_any_batch(model: nn.Module, clips: Tensor, found: Tensor) -> None:
    torch.testing.assert_close(logits(model, clips[:1]), found[:1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(logits(model, clips.flip(0)), found.flip(0), rtol=1e-9, atol=1e-9)
