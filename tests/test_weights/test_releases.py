"""Our configs give the logits of released models, computed apart in plain functions under the releases' own names."""
import json
import sys

import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from torch.nn import functional as F

from mmdfer.apis.convert_release import convert_release
from mmdfer.apis.counting import build_shapes
from mmdfer.backbones.adapter_vit import architecture
from mmdfer.datasets import class_names
from mmdfer.registry import MODELS, find_set
from mmdfer.run_config import flow_classes
from mmdfer.text import tokenize
from mmdfer.text.clip_text import text_architecture
from mmdfer.weights import load_weights, read_checkpoint
from mmdfer.weights.pickle_parts import Record
from mmdfer.weights.releases import RELEASES

from ..conftest import ROOT

KEYS = ROOT.parent / 'shared' / 'data' / 'checkpoint_keys'


BLOCKS = 3              # of 12, for logits; names and shapes of all are compared apart


def shapes(name):
    path = KEYS / f'{name}.json'
    if not path.is_file():
        pytest.skip(f'names and shapes of released checkpoints are not at {KEYS}')
    return json.loads(path.read_text())['keys']


def random_state(name, seed=0):
    """Random values under a release's names: norms about 1, every bias and embedding at work."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, shape in shapes(name).items():
        left_out = any(f'.resblocks.{index}.' in key for index in range(BLOCKS, 12))
        if left_out or 'clip_model_' in key and 'token_embedding' not in key:
            continue
        value = torch.randn(shape, generator=generator)
        if len(shape) > 1 and 'embedding' not in key and 'token' not in key and not key.endswith('.ctx'):
            value *= 0.7 * value[0].numel()**-0.5
        else:
            value *= 0.1
        is_norm = key.endswith('weight') and len(shape) == 1
        state[key] = value + 1 if is_norm else value
    return state


# The releases' computation, under their names.

def norm(s, name, x):
    return F.layer_norm(x, x.shape[-1:], s[f'{name}.weight'], s[f'{name}.bias'])


def linear(s, name, x):
    return F.linear(x, s[f'{name}.weight'], s[f'{name}.bias'])


def heads_attend(q, k, v, heads, causal=False):
    """Softmax attention (N, L, C), head by head."""
    outputs = []
    whole = q.chunk(heads, -1), k.chunk(heads, -1), v.chunk(heads, -1)
    for q, k, v in zip(*whole, strict=True):        # noqa: B020
        scores = q @ k.transpose(1, 2) * q.shape[-1]**-0.5
        if causal:
            scores = scores + torch.full(scores.shape[1:], -torch.inf).triu(1)
        outputs.append(scores.softmax(-1) @ v)
    return torch.cat(outputs, -1)


def attend(s, block, x, causal=False):
    q, k, v = F.linear(x, s[f'{block}.attn.in_proj_weight'], s[f'{block}.attn.in_proj_bias']).chunk(3, -1)
    return linear(s, f'{block}.attn.out_proj', heads_attend(q, k, v, x.shape[-1] // 64, causal))


def mlp(s, block, x):
    hidden = linear(s, f'{block}.mlp.c_fc', x)
    return linear(s, f'{block}.mlp.c_proj', hidden * torch.sigmoid(1.702 * hidden))


def embed_frames(s, frames, time=None):
    """Frames (B·T, 3, H, W) as tokens before the blocks."""
    weight = s['conv1.weight']
    x = F.conv2d(frames, weight, stride=weight.shape[-1]).flatten(2).transpose(1, 2)
    x = torch.cat([s['class_embedding'].expand(len(x), 1, -1), x], dim=1) + s['positional_embedding']
    if time is not None:
        x = x + time[0].repeat(len(x) // time.shape[1], 1)[:, None]
    return norm(s, 'ln_pre', x)


def part(state, prefix):
    return {key[len(prefix):]: value for key, value in state.items() if key.startswith(prefix)}


def st_adapter_logits(s, clips):
    batch, _, frames = clips.shape[:3]
    x = embed_frames(s, clips.transpose(1, 2).flatten(0, 1))

    def adapt(name, x):
        if f'{name}.fc1.weight' not in s:
            return x
        z = linear(s, f'{name}.fc1', x[:, 1:]).unflatten(0, (batch, frames))
        weight, mixed = s[f'{name}.conv.weight'][:, 0, :, 0, 0], torch.zeros_like(z)
        for t in range(frames):
            for tap in range(3):
                if 0 <= t + tap - 1 < frames:
                    mixed[:, t] += weight[:, tap] * z[:, t + tap - 1]
        mixed = mixed + s[f'{name}.conv.bias']
        return torch.cat([x[:, :1], x[:, 1:] + linear(s, f'{name}.fc2', mixed.flatten(0, 1))], dim=1)

    for block in (f'transformer.resblocks.{index}' for index in range(BLOCKS)):
        x = adapt(f'{block}.adapter_pre_attn', x)
        x = x + attend(s, block, norm(s, f'{block}.ln_1', x))
        x = adapt(f'{block}.adapter_pre_mlp', x)
        x = x + mlp(s, block, norm(s, f'{block}.ln_2', x))
    return linear(s, 'fc', norm(s, 'ln_post', x[:, 0].unflatten(0, (batch, frames)).mean(1)))


def aim_logits(state, clips):
    s = part(state, 'backbone.')
    batch, _, frames = clips.shape[:3]
    x = embed_frames(s, clips.transpose(1, 2).flatten(0, 1), s['temporal_embedding'])

    def adapt(name, x):
        return linear(s, f'{name}.D_fc2', F.gelu(linear(s, f'{name}.D_fc1', x)))

    for block in (f'transformer.resblocks.{index}' for index in range(BLOCKS)):
        z = norm(s, f'{block}.ln_1', x)
        over_time = torch.empty_like(x)
        for clip in range(batch):
            rows = slice(clip * frames, (clip + 1) * frames)
            over_time[rows] = attend(s, block, z[rows].transpose(0, 1)).transpose(0, 1)
        x = x + adapt(f'{block}.T_Adapter', over_time)
        y = attend(s, block, norm(s, f'{block}.ln_1', x))
        x = x + y + adapt(f'{block}.S_Adapter', y)
        z = norm(s, f'{block}.ln_2', x)
        x = x + mlp(s, block, z) + 0.5 * adapt(f'{block}.MLP_Adapter', z)
    x = norm(s, 'ln_post', x)[:, 0].unflatten(0, (batch, frames))
    return linear(state, 'cls_head.fc_cls', x.mean(1))


def clip_image_features(s, frames):
    x = embed_frames(s, frames)
    for block in (f'transformer.resblocks.{index}' for index in range(BLOCKS)):
        x = x + attend(s, block, norm(s, f'{block}.ln_1', x))
        x = x + mlp(s, block, norm(s, f'{block}.ln_2', x))
    return norm(s, 'ln_post', x[:, 0]) @ s['proj']


def clip_text_features(s, embeddings, ends):
    x = embeddings + s['positional_embedding']
    for block in (f'transformer.resblocks.{index}' for index in range(BLOCKS)):
        x = x + attend(s, block, norm(s, f'{block}.ln_1', x), causal=True)
        x = x + mlp(s, block, norm(s, f'{block}.ln_2', x))
    return torch.stack([row[end] for row, end in zip(norm(s, 'ln_final', x), ends, strict=True)]) @ s['text_projection']


def dfer_clip_logits(state, clips, ends):
    batch, _, frames = clips.shape[:3]
    features = clip_image_features(part(state, 'image_encoder.'), clips.transpose(1, 2).flatten(0, 1))
    s = part(state, 'temporal_net.')
    x = torch.cat([s['cls_token'].expand(batch, -1, -1), features.unflatten(0, (batch, frames))], dim=1)
    x = x + s['pos_embedding'][:, :frames + 1]
    attention, feed = (f'temporal_transformer.layers.0.{index}.fn' for index in (0, 1))
    q, k, v = F.linear(norm(s, f'{attention}.norm', x), s[f'{attention}.fn.to_qkv.weight']).chunk(3, -1)
    x = x + linear(s, f'{attention}.fn.to_out.0', heads_attend(q, k, v, 8))
    x = x + linear(s, f'{feed}.fn.net.3', F.gelu(linear(s, f'{feed}.fn.net.0', norm(s, f'{feed}.norm', x)),
                                                    approximate='tanh'))
    prompts = torch.cat([state[f'prompt_learner.{name}'] for name in ('token_prefix', 'ctx', 'token_suffix')], dim=1)
    texts = clip_text_features(part(state, 'text_encoder.'), prompts, ends)
    return F.normalize(x[:, 0], dim=-1) @ F.normalize(texts, dim=-1).T / 0.01


def our_logits(target, clips):
    """Logits of the config and settings that the converted file names, built as the tools do."""
    meta = read_checkpoint(target)['meta']
    cfg = Config.fromfile(ROOT / meta['config'])
    cfg.merge_from_dict(typed(meta['settings']))
    if 'texts' in cfg.model.cls_head:
        assert flow_classes(cfg) == tuple(meta['classes'])
    cfg.model.backbone.arch = dict(architecture(cfg.model.backbone.arch), num_layers=BLOCKS)
    if 'text_encoder' in cfg.model.cls_head:
        encoder = cfg.model.cls_head.text_encoder
        encoder.arch = dict(text_architecture(encoder.arch), num_layers=BLOCKS)
    model = MODELS.build(cfg.model).eval()
    load_weights(model, target)
    return model(clips[:, None], mode='tensor', stage='head')


def typed(settings):
    return {key: int(value) if value.isdigit() else value for key, value in settings.items()}


@pytest.mark.slow
@pytest.mark.parametrize('name, kind, frames, wrap, release', [
    ('st_adapter_vitb16_12x384', 'st_adapter', 2, lambda state: dict(model=state), st_adapter_logits),
    ('st_adapter_vitb16_24x384', 'st_adapter', 2, lambda state: dict(model=state), st_adapter_logits),
    ('aim_vitb16_k400', 'aim', 8, lambda state: dict(state_dict=state, meta={}), aim_logits),
])
@torch.no_grad()
def test_logits_of_adapted_towers(tmp_path, name, kind, frames, wrap, release):
    state = random_state(name)
    torch.save(wrap(state), tmp_path / 'in.pth')
    report = convert_release(kind, tmp_path / 'in.pth', tmp_path / 'out.safetensors')
    assert 'model.cls_head.num_classes=400' in report and f'configs/baselines/{kind}' in report
    clips = torch.randn(1, 3, frames, 224, 224, generator=torch.Generator().manual_seed(1))
    expected = release(state, clips)
    assert expected.shape == (1, 400) and expected.std() > 0.1
    torch.testing.assert_close(our_logits(tmp_path / 'out.safetensors', clips), expected, rtol=0, atol=2e-5)


class RecorderMeter:
    """As the training script's, which its checkpoints carry along."""

    def __init__(self):
        self.total_epoch, self.current_epoch = 2, 1
        self.epoch_losses = np.zeros((2, 2), dtype=np.float32) - 1


def dfer_clip_state(texts):
    """Random values, but each class text as the embeddings of its tokens, which is what the release's buffers hold."""
    state = {key.removeprefix('module.'): value for key, value in random_state('dfer_clip_vitb32_dfew').items()}
    table = state['clip_model_.token_embedding.weight']
    tokens = tokenize(['X X X X X X X X ' + text for text in texts])
    state['prompt_learner.token_prefix'] = table[tokens[:, :1]]
    state['prompt_learner.token_suffix'] = table[tokens[:, 9:]]
    state['clip_model_.logit_scale'] = torch.tensor(4.)
    return state, tokens.argmax(-1)


@pytest.mark.slow
@torch.no_grad()
def test_logits_of_dfer_clip_with_the_class_texts_that_its_buffers_hold(tmp_path, monkeypatch):
    texts = [f'widened eyes, an open mouth, raised eyebrows, and number {index}.' for index in range(7)]
    state, ends = dfer_clip_state(texts)
    RecorderMeter.__module__ = '__main__'
    monkeypatch.setattr(sys.modules['__main__'], 'RecorderMeter', RecorderMeter, raising=False)
    torch.save(dict(epoch=3, best_acc=torch.tensor(71.), recorder=RecorderMeter(), optimizer=dict(state={}),
                    state_dict={f'module.{key}': value for key, value in state.items()}), tmp_path / 'in.pth')
    assert isinstance(read_checkpoint(tmp_path / 'in.pth')['recorder'], Record)      # left out, and nothing of it runs
    report = convert_release('dfer_clip', tmp_path / 'in.pth', tmp_path / 'out.safetensors')
    assert 'configs/baselines/dfer_clip_vitb32_dfew.py' in report
    written = yaml.safe_load((tmp_path / 'out.texts.yaml').read_text())
    assert list(written) == list(class_names('dfew'))
    assert torch.equal(tokenize(list(written.values())), tokenize(texts))
    clips = torch.randn(2, 3, 6, 224, 224, generator=torch.Generator().manual_seed(1))
    expected = dfer_clip_logits(state, clips, ends)
    assert expected.std() > 0.1
    torch.testing.assert_close(our_logits(tmp_path / 'out.safetensors', clips), expected, rtol=0, atol=2e-5)


@pytest.mark.slow
@torch.no_grad()
def test_a_release_in_an_order_of_its_own_is_named_in_that_order(tmp_path):
    """DFER-CLIP lists MAFW's classes in another order than MAFW does."""
    texts = [f'a face of number {index}.' for index in range(11)]
    state, _ = dfer_clip_state(texts)
    state['prompt_learner.ctx'] = torch.zeros(11, 8, 512)
    torch.save(dict(state_dict=state), tmp_path / 'in.pth')
    convert_release('dfer_clip', tmp_path / 'in.pth', tmp_path / 'out.safetensors', dataset='mafw')
    order = find_set('mafw').class_orders()['dfer_clip']
    assert sorted(order) == sorted(class_names('mafw')) and order != class_names('mafw')
    assert tuple(read_checkpoint(tmp_path / 'out.safetensors')['meta']['classes']) == order
    written = yaml.safe_load((tmp_path / 'out.texts.yaml').read_text())
    assert [tokenize(written[name]).tolist() for name in order] == [tokenize(text).tolist() for text in texts]


@pytest.mark.slow
@pytest.mark.parametrize('name, kind', [
    ('st_adapter_vitb16_12x384', 'st_adapter'), ('st_adapter_vitb16_24x384', 'st_adapter'), ('aim_vitb16_k400', 'aim'),
    ('dfer_clip_vitb32_dfew', 'dfer_clip'),
])
def test_every_tensor_of_a_release_has_its_place_in_the_config(name, kind):
    def zeros(shape):
        return torch.zeros(()).expand(shape)

    state = {key.removeprefix('module.'): zeros(shape) for key, shape in shapes(name).items()}
    if kind == 'dfer_clip':
        state['clip_model_.token_embedding.weight'] = torch.arange(49408.)[:, None].expand(-1, 512)
        state['prompt_learner.token_suffix'] = torch.full((7, 68, 512), 49407.)
    release = RELEASES[kind][0](state, name)
    cfg = Config.fromfile(ROOT / release.config)
    cfg.merge_from_dict({f'model.{key}': value for key, value in release.settings.items()})
    if kind == 'dfer_clip':
        flow_classes(cfg)                           # the others are of Kinetics
    model = build_shapes(cfg.model)
    expected = {key: value.shape for key, value in model.state_dict().items()}
    assert {key: value.shape for key, value in release.state.items()} == expected


@pytest.mark.parametrize('kind, state, message', [
    ('aim', {'conv1.weight': torch.zeros(1)}, r'no checkpoint of aim is recognised .*temporal_embedding is missing'),
    ('st_adapter', {'transformer.resblocks.0.adapter_pre_mlp.fc1.weight': torch.zeros(1)}, 'has no classifier'),
    ('openai_clip', {'conv1.weight': torch.zeros(1)}, 'no CLIP model is recognised'),
    ('longclip', {'transformer.resblocks.0.attn.in_proj_weight': torch.zeros(1)}, 'format, expected Long-CLIP'),
    ('slowfast', {'a': torch.zeros(1)},
     'no release known here: choose one of dfer_clip, pe_clip, st_adapter, aim, .*s2d.*, openai_clip'),
])
def test_other_files_are_refused(tmp_path, kind, state, message):
    torch.save(state, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=message):
        convert_release(kind, tmp_path / 'x.pth', tmp_path / 'y.safetensors')
    assert not list(tmp_path.glob('y*'))
