"""Random files under the names of released checkpoints, small ones too, and what they are computed by.

The functions are the releases' arithmetic in plain torch, on their own names.
"""
from __future__ import annotations

import json

import pytest
import torch
from mmengine.config import Config
from torch.nn import functional as F

from mmdfer.apis.convert_release import convert_release
from mmdfer.apis.counting import build_shapes
from mmdfer.registry import MODELS
from mmdfer.run_config import flow_classes, load_config
from mmdfer.weights import load_weights, read_checkpoint
from mmdfer.weights.releases import RELEASES

from ..conftest import ROOT

KEYS = ROOT.parent / 'shared' / 'data' / 'checkpoint_keys'


def sheet(name):
    """Names without ``module.``, and shapes, of a released file."""
    path = KEYS / f'{name}.json'
    if not path.is_file():
        pytest.skip(f'names and shapes of released checkpoints are not at {KEYS}')
    return {key.removeprefix('module.'): tuple(shape) for key, shape in json.loads(path.read_text())['keys'].items()}


def random_state(shapes, seed=0):
    """Values that keep activations near 1: every bias, norm and embedding is at work."""
    generator, state = torch.Generator().manual_seed(seed), {}
    for key, shape in shapes.items():
        value = torch.randn(shape, generator=generator)
        if key.endswith('num_batches_tracked'):
            value = torch.tensor(3)
        elif key.endswith('running_var'):
            value = value.abs() + 0.5
        elif len(shape) > 1 and 'embedding' not in key and 'token' not in key:
            value *= 1.4 * value[0].numel()**-0.5
        elif key.endswith('weight') and len(shape) == 1:
            value = 1 + 0.1 * value
        else:
            value *= 0.3
        state[key] = value
    return state


def converted(kind, content, folder, **kwargs):
    """The model that the converted file's config and settings name, with its weights, in double precision."""
    torch.save(content, folder / 'in.pth')
    report = convert_release(kind, folder / 'in.pth', folder / 'out.safetensors', True, **kwargs)
    cfg = load_config(read_checkpoint(folder / 'out.safetensors')['meta']['config'])
    release = RELEASES[kind][0]({key.removeprefix('module.'): value
                                 for key, value in content.get('state_dict', content).items()}, 'in.pth')
    cfg.merge_from_dict({f'model.{key}': value for key, value in release.settings.items()})
    flow_classes(cfg)
    model = MODELS.build(cfg.model).eval()
    load_weights(model, folder / 'out.safetensors')
    return model.double(), report


def logits_of(model, clips):
    """Logits (B, K) of clips (B, 3, T, H, W)."""
    return model(clips[:, None], mode='tensor', stage='head')


def assert_every_tensor_has_its_place(kind, name=None):
    """The sheet's names and shapes are, converted, those of the full-size model."""
    shapes = sheet(name or kind)
    release = RELEASES[kind][0]({key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}, kind)
    cfg = Config(dict(model=load_config(release.config).model))
    cfg.merge_from_dict({f'model.{key}': value for key, value in release.settings.items()})
    ours = {key: value.shape for key, value in build_shapes(cfg.model).state_dict().items()}
    assert {key: value.shape for key, value in release.state.items()} == ours


def assert_alone_in_a_batch_and_in_another_order_agree(model, clips):
    """Logits of a clip are its own."""
    together = logits_of(model, clips)
    assert together.std() > 1e-3
    torch.testing.assert_close(logits_of(model, clips.flip(0)).flip(0), together)
    alone = torch.cat([logits_of(model, clip[None]) for clip in clips])
    torch.testing.assert_close(alone, together)


# The releases' parts.

def linear(s, name, x):
    return F.linear(x, s[f'{name}.weight'], s.get(f'{name}.bias'))


def layer_norm(s, name, x):
    return F.layer_norm(x, x.shape[-1:], s[f'{name}.weight'], s[f'{name}.bias'], 1e-5)


def batch_norm(s, name, x):
    return F.batch_norm(x, s[f'{name}.running_mean'], s[f'{name}.running_var'], s[f'{name}.weight'], s[f'{name}.bias'])


def attend(q, k, v, heads):
    """Softmax attention of (N, L, C), head by head."""
    outputs = []
    for q, k, v in zip(*(part.chunk(heads, -1) for part in (q, k, v)), strict=True):        # noqa: B020
        outputs.append((q @ k.transpose(1, 2) * q.shape[-1]**-0.5).softmax(-1) @ v)
    return torch.cat(outputs, -1)


def pre_norm(s, name, x, heads):
    """The transformer of the line after Former-DFER."""
    index = 0
    while f'{name}.layers.{index}.0.fn.norm.weight' in s:
        attention, feed = (f'{name}.layers.{index}.{part}.fn' for part in (0, 1))
        q, k, v = linear(s, f'{attention}.fn.to_qkv', layer_norm(s, f'{attention}.norm', x)).chunk(3, -1)
        x = x + linear(s, f'{attention}.fn.to_out.0', attend(q, k, v, heads))
        hidden = linear(s, f'{feed}.fn.net.0', layer_norm(s, f'{feed}.norm', x))
        hidden = 0.5 * hidden * (1 + torch.tanh((2 / torch.pi)**0.5 * (hidden + 0.044715 * hidden**3)))
        x = x + linear(s, f'{feed}.fn.net.3', hidden)
        index += 1
    return x
