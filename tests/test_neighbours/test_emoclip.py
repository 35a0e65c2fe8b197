"""EmoCLIP: its released file, its two trainings, equal texts in a batch, and frames that are the same at each test."""
import re

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.nn import functional as F

from mmdfer.apis.counting import build_shapes
from mmdfer.datasets.transforms import SampleCircular
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.text import tokenize
from mmdfer.weights import CheckpointError
from mmdfer.weights.neighbours.emoclip import convert

from .released import attend, layer_norm, linear, pre_norm, random_state, sheet

LAYERS = 2


def small(key, shape):
    """Towers of 2 blocks of 64 channels in 1 head for 32x32 frames; 8 temporal heads of 4, clips of up to 9 frames."""
    if '.visual.' in key:
        shape = tuple({768: 64, 2304: 192, 3072: 256, 512: 32, 50: 17, 32: 8}.get(size, size) for size in shape)
        return shape
    if 'resblocks' in key or 'positional' in key or 'token_embedding' in key or 'ln_final' in key:
        return tuple({512: 64, 1536: 192, 2048: 256}.get(size, size) for size in shape)
    if 'text_projection' in key:
        return 64, 32
    return tuple({512: 32, 49152: 96, 16384: 32, 1024: 10}.get(size, size) for size in shape)


def small_state():
    kept = [key for key in sheet('emoclip') if not (found := re.search(r'resblocks\.(\d+)', key))
            or int(found[1]) < LAYERS]
    state = random_state({key: small(key, sheet('emoclip')[key]) for key in kept})
    state.update({'logit_scale': torch.tensor(4.7), 'backbone.logit_scale': torch.tensor(4.6052)})
    return state


def small_model(kind='emoclip_dfew', **head):
    model = load_config(f'neighbours/{kind}').model
    tower = dict(embed_dims=64, num_layers=LAYERS, num_heads=1, feedforward_channels=256)
    model.backbone.update(arch=tower, img_size=32, patch_size=8, proj_dim=32)
    model.cls_head.text_encoder.arch = dict(tower, proj_dim=32)
    model.cls_head.temporal.update(in_channels=32, num_frames=9, head_channels=4, feedforward_channels=32)
    model.cls_head.update(head)
    return MODELS.build(model).eval()


def blocks(s, name, x, mask=None):
    """CLIP's transformer of one head."""
    for index in range(LAYERS):
        block = f'{name}.resblocks.{index}'
        q, k, v = F.linear(layer_norm(s, f'{block}.ln_1', x), s[f'{block}.attn.in_proj_weight'],
                           s[f'{block}.attn.in_proj_bias']).chunk(3, -1)
        if mask is None:
            y = attend(q, k, v, 1)
        else:
            y = (q @ k.transpose(1, 2) * q.shape[-1]**-0.5 + mask).softmax(-1) @ v
        x = x + linear(s, f'{block}.attn.out_proj', y)
        hidden = linear(s, f'{block}.mlp.c_fc', layer_norm(s, f'{block}.ln_2', x))
        x = x + linear(s, f'{block}.mlp.c_proj', hidden * torch.sigmoid(1.702 * hidden))
    return x


def release_features(s, clips, tokens):
    """Unit features of clips and of texts, by the release's names."""
    batch, _, frames = clips.shape[:3]
    v = 'backbone.visual'
    x = F.conv2d(clips.transpose(1, 2).flatten(0, 1), s[f'{v}.conv1.weight'], stride=8).flatten(2).transpose(1, 2)
    x = torch.cat([s[f'{v}.class_embedding'].expand(len(x), 1, -1), x], 1) + s[f'{v}.positional_embedding']
    x = blocks(s, f'{v}.transformer', layer_norm(s, f'{v}.ln_pre', x))
    x = (layer_norm(s, f'{v}.ln_post', x[:, 0]) @ s[f'{v}.proj']).unflatten(0, (batch, frames))
    x = torch.cat([s['temporal.cls_token'].expand(batch, -1, -1), x], 1) + s['temporal.pos_embedding'][:, :frames + 1]
    x = pre_norm(s, 'temporal.temporal_transformer', x, 8)[:, 0]
    length = tokens.shape[1]
    t = s['backbone.token_embedding.weight'][tokens] + s['backbone.positional_embedding'][:length]
    t = blocks(s, 'backbone.transformer', t, torch.full((length, length), -torch.inf, dtype=t.dtype).triu(1))
    t = layer_norm(s, 'backbone.ln_final', t)[torch.arange(len(t)), tokens.argmax(-1)] @ s['backbone.text_projection']
    return F.normalize(x, dim=-1), F.normalize(t, dim=-1)


@pytest.fixture(scope='module')
def release():
    """A small release, its model here, clips and their features by the release's arithmetic."""
    from mmengine.registry import init_default_scope
    init_default_scope('mmaction')
    state = small_state()
    model = small_model()
    model.load_state_dict(convert(state, 'f.pth').state)
    clips = torch.rand(4, 3, 5, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    s = {key: value.double() for key, value in state.items()}
    tokens = model.cls_head.prompt_learner.tokens
    with torch.no_grad():
        return state, model.double(), clips, *release_features(s, clips, tokens)


@torch.no_grad()
def test_the_converted_file_gives_the_releases_logits_and_each_clip_its_own(release):
    state, model, clips, videos, texts = release
    expected = state['logit_scale'].double().exp() * videos @ texts.T
    found = model(clips[:, None], mode='tensor', stage='head')
    assert expected.shape == (4, 7) and expected.std() > 0.1 and model.cls_head.scale > 100
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    alone = torch.cat([model(clip[None, None], mode='tensor', stage='head') for clip in clips.flip(0)]).flip(0)
    torch.testing.assert_close(alone, found)


def samples_of(labels=None, captions=None):
    samples = [ActionDataSample() for _ in labels or captions]
    for index, sample in enumerate(samples):
        if labels:
            sample.set_gt_label(labels[index])
        else:
            sample.set_metainfo(dict(caption=captions[index], video_id=str(index)))
    return samples


def symmetric(scores, targets):
    rows = -(targets * scores.log_softmax(1)).sum(1).mean()
    return (rows - (targets * scores.T.log_softmax(1)).sum(1).mean()) / 2


def test_clips_of_one_class_are_matches_and_the_releases_negatives_an_option_that_warns(release):
    state, model, clips, videos, texts = release
    labels = [3, 0, 3, 6]
    scores = state['logit_scale'].double().exp() * videos @ texts[labels].T
    same = torch.tensor([[float(a == b) for b in labels] for a in labels]).double()
    loss = model.loss(clips[:, None], samples_of(labels))['loss_contrast']
    torch.testing.assert_close(loss, symmetric(scores, same / same.sum(1, keepdim=True)), rtol=1e-6, atol=1e-6)
    loss.backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert all(name.startswith(('cls_head.temporal.', 'cls_head.log_scale')) for name in trained) and len(trained) == 25
    with pytest.warns(UserWarning, match='equal_negatives=True takes clips of equal texts for each other'):
        pushing = small_model(equal_negatives=True).double()
    pushing.load_state_dict(model.state_dict())
    loss = pushing.loss(clips[:, None], samples_of(labels))['loss_contrast']
    torch.testing.assert_close(loss, symmetric(scores, torch.eye(4).double()), rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_captions_train_the_same_model_and_its_weights_are_the_same_names(release):
    state, model, clips, _, _ = release
    other = small_model('emoclip_zero_shot_mafw').double()
    other.load_state_dict(model.state_dict())
    captions = ['a woman smiles', 'a man frowns at her', 'a woman smiles', 'eyes wide open']
    videos, texts = release_features({key: value.double() for key, value in state.items()}, clips, tokenize(captions))
    same = torch.tensor([[float(a == b) for b in captions] for a in captions]).double()
    scores = state['logit_scale'].double().exp() * videos @ texts.T
    loss = other.loss(clips[:, None], samples_of(captions=captions))['loss_contrast']
    torch.testing.assert_close(loss, symmetric(scores, same / same.sum(1, keepdim=True)), rtol=1e-6, atol=1e-6)


def test_every_tensor_of_the_release_has_its_place():
    given = convert({key: torch.zeros(()).expand(shape) for key, shape in sheet('emoclip').items()}, 'f.pth')
    ours = build_shapes(load_config(given.config).model).state_dict()
    assert given.settings == {} and {key: value.shape for key, value in given.state.items()} == {
        key: value.shape for key, value in ours.items()}


def test_what_does_not_fit_is_refused(release):
    _, model, clips, _, _ = release
    with pytest.raises(CheckpointError, match=r'mlp.0.weight \(1,\) is no tensor of emoclip'):
        convert({'temporal.pos_embedding': torch.zeros(1), 'mlp.0.weight': torch.zeros(1)}, 'f.pth')
    mixed = samples_of([1, 2, 3, 4])
    for sample in mixed:
        sample.set_gt_label(torch.full((7, ), 1 / 7))
    with pytest.raises(ValueError, match='mixed labels have no one text'):
        model.loss(clips[:, None], mixed)
    with pytest.raises(ValueError, match='7 classes; a clip is held against one text'):
        small_model(texts=dict(source='descriptions', dataset='dfew'))


def test_a_test_takes_the_same_frames_and_training_goes_round_the_clip():
    test = SampleCircular(num_frames=8, stride=2, test_mode=True)
    assert test.frames(40).tolist() == [12, 14, 16, 18, 20, 22, 24, 26]
    assert test.frames(16).tolist() == test.frames(15).tolist() == [*range(0, 16, 2)]
    assert test.frames(10).tolist() == [0, 2, 4, 6, 8, 0, 2, 4]            # round the end
    assert test.frames(5).tolist() == [0, 2, 4, 0, 2, 4, 2, 0]             # once round, then reflected
    assert test.frames(1).tolist() == 8 * [0]
    np.random.seed(0)
    seen = {tuple(SampleCircular(num_frames=8, stride=2).frames(40)) for _ in range(300)}
    assert seen == {tuple((start + 2 * np.arange(8)) % 40) for start in range(0, 40, 2)}
    with pytest.warns(UserWarning, match='a clip begins at a random frame in testing too'):
        release = SampleCircular(8, 2, test_mode=True, release=True)
    assert len({tuple(release.frames(40)) for _ in range(20)}) > 1
    with pytest.raises(ValueError, match='stride=0; expected 1 or more'):
        SampleCircular(stride=0)
