"""FRU-Adapter's files, by random values under their names, compute here what their own code computes."""
from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d, gelu, layer_norm

from mmdfer.apis.convert_release import convert_release
from mmdfer.weights import CheckpointError, read_checkpoint
from mmdfer.weights.neighbours.fru_adapter import convert

from .mae_line import Shapes, agrees_in_any_batch, built, is_the_configs, lines, logits, mlp_shapes, norm_shapes, values
from .released import sheet

WIDTH, DEPTH, INNER, FRAMES, SIDE = 128, 2, 8, 4, 2


def release_shapes(classes: int = 7) -> Shapes:
    shapes = {'cls_token': (1, 1, WIDTH), 'pos_embed': (1, 1 + SIDE**2, WIDTH),
              'patch_embed.proj.weight': (WIDTH, 3, 16, 16), 'patch_embed.proj.bias': (WIDTH, ),
              **norm_shapes('fc_norm', WIDTH), **lines('head', WIDTH, 1000), **norm_shapes('classifier.norm', WIDTH),
              **lines('classifier.fc1', WIDTH, WIDTH), **lines('classifier.fc2', WIDTH, classes)}
    for index in range(DEPTH):
        block, unit = f'blocks.{index}', f'tsea_blocks.{index}'
        shapes.update(norm_shapes(f'{block}.norm1', WIDTH) | norm_shapes(f'{block}.norm2', WIDTH))
        shapes.update(lines(f'{block}.attn.qkv', WIDTH, 3 * WIDTH) | lines(f'{block}.attn.proj', WIDTH, WIDTH))
        shapes.update(mlp_shapes(f'{block}.mlp', WIDTH, 4 * WIDTH))
        shapes.update(lines(f'{unit}.linear1', WIDTH, INNER) | lines(f'{unit}.linear2', INNER, WIDTH))
        shapes.update(lines(f'{unit}.T_linear1', FRAMES, FRAMES) | norm_shapes(f'{unit}.ln', INNER))
        shapes.update(norm_shapes(f'{unit}.TFormer.norm', INNER))
        for part in ('proj_Q', 'proj_K', 'proj_V', 'proj_output'):
            shapes.update(lines(f'{unit}.TFormer.{part}', INNER, INNER))
    return shapes


@pytest.fixture(scope='module')
def state():
    return values(release_shapes())


@pytest.fixture(scope='module')
def model(state):
    return built(convert(state, 'best.pth'), 'dfew')


@pytest.fixture(scope='module')
def clips():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 3, FRAMES, 16 * SIDE, 16 * SIDE, generator=generator, dtype=torch.float64)


class Sheet:
    """FRU-Adapter's forward on the release's names, clip after clip."""

    def __init__(self, state: dict) -> None:
        self.state = {name: value.double() for name, value in state.items()}

    def linear(self, name, x):
        return x @ self.state[f'{name}.weight'].T + self.state[f'{name}.bias']

    def norm(self, name, x, eps):
        return layer_norm(x, x.shape[-1:], self.state[f'{name}.weight'], self.state[f'{name}.bias'], eps)

    def attend(self, x, query, key, value, heads):
        """softmax(q kᵀ / √d) v over the last axis but one, head after head."""
        size, out = x.shape[-1] // heads, []
        for part in (slice(head * size, (head + 1) * size) for head in range(heads)):
            weights = (query[..., part] @ key[..., part].mT / size**0.5).softmax(-1)
            out.append(weights @ value[..., part])
        return torch.cat(out, -1)

    def block(self, name, x):
        qkv = self.linear(f'{name}.attn.qkv', self.norm(f'{name}.norm1', x, 1e-6)).chunk(3, -1)
        x = x + self.linear(f'{name}.attn.proj', self.attend(x, *qkv, heads=2))
        hidden = gelu(self.linear(f'{name}.mlp.fc1', self.norm(f'{name}.norm2', x, 1e-6)))
        return x + self.linear(f'{name}.mlp.fc2', hidden)

    def adapter(self, name, x):
        """Of the tokens (T, L, C) of one clip."""
        z = self.norm(f'{name}.ln', self.linear(f'{name}.linear1', x), 1e-5)
        frames = self.linear(f'{name}.T_linear1', z.mean((1, 2))).softmax(0)
        z = (z * frames[:, None, None]).transpose(0, 1)                                 # (L, T, r)
        h = self.norm(f'{name}.TFormer.norm', z, 1e-5)
        parts = [self.linear(f'{name}.TFormer.proj_{part}', h) for part in 'QKV']
        z = z + self.linear(f'{name}.TFormer.proj_output', self.attend(h, *parts, heads=1))
        return self.linear(f'{name}.linear2', z.transpose(0, 1))

    def clip(self, clip):
        """Logits of a clip (3, T, H, W)."""
        at = self.state
        patches = conv2d(clip.transpose(0, 1), at['patch_embed.proj.weight'], at['patch_embed.proj.bias'], stride=16)
        patches = patches.flatten(2).mT                                                 # (T, N, C)
        x = torch.cat([at['cls_token'].expand(len(patches), -1, -1), patches], 1) + at['pos_embed']
        for index in range(DEPTH):
            x = self.block(f'blocks.{index}', x) + self.adapter(f'tsea_blocks.{index}', x)
        x = self.norm('fc_norm', x[:, 1:].mean(1), 1e-6)                                # (T, C)
        return self.linear('classifier.fc2', self.norm('classifier.norm', self.linear('classifier.fc1', x).mean(0),
                                                       1e-5))


def test_logits_are_the_releases_and_a_clips_own(state, model, clips):
    found, sheet_of = logits(model, clips), Sheet(state)
    expected = torch.stack([sheet_of.clip(clip) for clip in clips])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert expected.std() > 0.1
    agrees_in_any_batch(model, clips, found)


def test_the_whole_release_has_each_tensor_of_the_config():
    shapes = {name: torch.empty(shape, device='meta') for name, shape in sheet('fru_adapter').items()}
    assert len(shapes) > 600
    is_the_configs(convert(shapes, 'best.pth'), 'neighbours/fru_adapter_dfew')


def test_a_file_is_written_with_its_sizes_and_the_next_command(state, tmp_path):
    torch.save(dict(model=state), tmp_path / 'in.pth')
    report = convert_release('fru_adapter', tmp_path / 'in.pth', tmp_path / 'out.safetensors', dataset='ferv39k')
    assert 'mmdfer test neighbours/fru_adapter_ferv39k' in report and f'frames={FRAMES}' in report
    classes = read_checkpoint(tmp_path / 'out.safetensors')['meta']['classes']
    assert [name.lower()[:3] for name in classes] == ['hap', 'sad', 'neu', 'ang', 'sur', 'dis', 'fea']


@pytest.mark.parametrize('changed, kwargs, message', [
    ({'tsea_blocks.1.TFormer.proj_K.weight': None}, {}, r'layers\.1\.adapters\.fru\.attn\.K\.weight is missing'),
    ({'blocks.1.norm2.bias': None}, {}, r'backbone\.layers\.1\.ln2\.bias is missing in a fru_adapter release'),
    ({'blocks.1.norm2.bias': torch.zeros(9)}, {}, r'layers\.1\.ln2\.bias is \(9,\), not \(128,\)'),
    ({'blocks.0.attn.q_bias': torch.zeros(9)}, {}, r'blocks\.0\.attn\.q_bias \(9,\) is no tensor of FRU-Adapter'),
    ({'tsea_blocks.0.T_linear1.weight': None}, {}, 'no checkpoint of fru_adapter is recognised'),
    ({}, dict(dataset='mafw'), 'mafw: has 11 classes, the release 7'),
])
def test_another_file_is_refused_by_a_tensors_name(state, tmp_path, changed, kwargs, message):
    torch.save({name: value for name, value in {**state, **changed}.items() if value is not None}, tmp_path / 'in.pth')
    with pytest.raises((CheckpointError, ValueError), match=message):
        convert_release('fru_adapter', tmp_path / 'in.pth', tmp_path / 'out.safetensors', **kwargs)
    assert not (tmp_path / 'out.safetensors').exists()
