"""DFER-CLIP's temporal transformer against the same equations written out under the release's names."""
import json
import math

import pytest
import torch
import torch.nn.functional as F

from mmdfer.backbones import TemporalTransformer
from mmdfer.backbones.freezing import count_parameters
from mmdfer.registry import MODELS

from ..conftest import ROOT

LAYER = 'temporal_transformer.layers.0.'
NAMES = {
    'cls_token': 'cls_token', 'pos_embed': 'pos_embedding',
    'layers.0.ln1.weight': f'{LAYER}0.fn.norm.weight', 'layers.0.ln1.bias': f'{LAYER}0.fn.norm.bias',
    'layers.0.attn.qkv.weight': f'{LAYER}0.fn.fn.to_qkv.weight',
    'layers.0.attn.proj.weight': f'{LAYER}0.fn.fn.to_out.0.weight',
    'layers.0.attn.proj.bias': f'{LAYER}0.fn.fn.to_out.0.bias',
    'layers.0.ln2.weight': f'{LAYER}1.fn.norm.weight', 'layers.0.ln2.bias': f'{LAYER}1.fn.norm.bias',
    'layers.0.ffn.layers.0.0.weight': f'{LAYER}1.fn.fn.net.0.weight',
    'layers.0.ffn.layers.0.0.bias': f'{LAYER}1.fn.fn.net.0.bias',
    'layers.0.ffn.layers.1.weight': f'{LAYER}1.fn.fn.net.3.weight',
    'layers.0.ffn.layers.1.bias': f'{LAYER}1.fn.fn.net.3.bias',
}


def release_forward(state, x, heads):
    """Head by head: 64 channels each, softmax(q kᵀ / 8) v, GELU by the tanh."""
    x = torch.cat([state['cls_token'].expand(len(x), 1, -1), x], 1)
    x = x + state['pos_embedding'][:, :x.shape[1]]
    dim = x.shape[2]
    z = F.layer_norm(x, (dim, ), state[f'{LAYER}0.fn.norm.weight'], state[f'{LAYER}0.fn.norm.bias'])
    q, k, v = (z @ state[f'{LAYER}0.fn.fn.to_qkv.weight'].T).chunk(3, -1)
    size, out = dim // heads, []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        weights = (q[..., part] @ k[..., part].transpose(1, 2) * size ** -0.5).softmax(-1)
        out.append(weights @ v[..., part])
    x = x + torch.cat(out, -1) @ state[f'{LAYER}0.fn.fn.to_out.0.weight'].T + state[f'{LAYER}0.fn.fn.to_out.0.bias']
    z = F.layer_norm(x, (dim, ), state[f'{LAYER}1.fn.norm.weight'], state[f'{LAYER}1.fn.norm.bias'])
    z = z @ state[f'{LAYER}1.fn.fn.net.0.weight'].T + state[f'{LAYER}1.fn.fn.net.0.bias']
    z = z * (1 + torch.tanh((2 / math.pi)**0.5 * (z + 0.044715 * z**3))) / 2
    return (x + z @ state[f'{LAYER}1.fn.fn.net.3.weight'].T + state[f'{LAYER}1.fn.fn.net.3.bias'])[:, 0]


@pytest.mark.parametrize('frames', [16, 5])
def test_gives_the_releases_feature_on_the_same_weights(frames):
    torch.manual_seed(0)
    model = TemporalTransformer().double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    state = {NAMES[name]: value for name, value in model.state_dict().items()}
    x = torch.randn(3, frames, 512).double()
    torch.testing.assert_close(model(x), release_forward(state, x, heads=8), rtol=1e-10, atol=1e-10)


def test_has_the_releases_tensors():
    file = ROOT.parent / 'shared' / 'data' / 'checkpoint_keys' / 'dfer_clip_vitb32_dfew.json'
    if not file.is_file():
        pytest.skip(f"the release's names are not at {file}")
    prefix = 'module.temporal_net.'
    theirs = {key.removeprefix(prefix): tuple(shape) for key, shape in json.loads(file.read_text())['keys'].items()
              if key.startswith(prefix)}
    ours = {NAMES[name]: tuple(value.shape) for name, value in TemporalTransformer().state_dict().items()}
    assert ours == theirs


def test_a_clip_has_the_same_feature_alone_and_all_parameters_train():
    model = MODELS.build(dict(type='TemporalTransformer', in_channels=16, num_frames=4, num_heads=2,
                              feedforward_channels=8)).double()
    model.init_weights()
    x = torch.randn(3, 4, 16).double()
    whole = model(x)
    torch.testing.assert_close(whole.flip(0), model(x.flip(0)), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(whole[1:2], model(x[1:2]), rtol=1e-12, atol=1e-12)
    whole.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    assert (model(x) - model(x.flip(1))).abs().max() > 1e-6             # the order of frames counts


def test_count():
    layer = 512 * 3 * 512 + 512 * 513 + 512 * 1024 + 1024 + 1024 * 512 + 512 + 4 * 512
    assert count_parameters(TemporalTransformer())[1] == layer + 18 * 512


@pytest.mark.parametrize('call, message', [
    (lambda: TemporalTransformer(16, num_heads=3), 'num_heads=3 does not divide in_channels=16'),
    (lambda: TemporalTransformer(16, num_frames=4)(torch.zeros(1, 5, 16)), r'T <= 4, got \(1, 5, 16\)'),
    (lambda: TemporalTransformer(16)(torch.zeros(1, 16)), r'expects frame features \(B, T, 16\)'),
])
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
