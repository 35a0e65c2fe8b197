"""S2D: its release's logits by the sheet's equations, its image stage's files, its landmark net, what it refuses."""
import json

import pytest
import torch
from torch.nn import functional as F

from mmdfer.adapters import S2DTemporalAdapter, TokenGrid
from mmdfer.apis.counting import build_shapes
from mmdfer.backbones import AdapterViT, S2DViT
from mmdfer.backbones.s2d import MobileFaceNet
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.weights import CheckpointError
from mmdfer.weights.neighbours.s2d import convert

from ..conftest import ROOT

KEYS = ROOT.parent / 'shared' / 'data' / 'checkpoint_keys'
DIM, DEPTH, HEADS, PATCH, SIDE, FRAMES, CLASSES = 32, 3, 2, 8, 32, 4, 7
ARCH = dict(embed_dims=DIM, num_layers=DEPTH, num_heads=HEADS, feedforward_channels=2 * DIM)
SIZES = dict(arch=ARCH, img_size=SIDE, patch_size=PATCH)


def released_shapes(dim=DIM, depth=DEPTH, patch=PATCH, side=SIDE, frames=FRAMES, classes=CLASSES, hidden=2):
    """Names and shapes of a fold's file."""
    low = dim // 4

    def layer(name, outside, inside, *kernel):
        return {f'{name}.weight': (outside, inside, *kernel), f'{name}.bias': (outside, )}

    def norm(name):
        return {f'{name}.weight': (dim, ), f'{name}.bias': (dim, )}

    shapes = {'cls_token': (1, 1, dim), 'pos_embed': (1, 1 + (side // patch)**2, dim),
              'temporal_embedding': (1, frames, dim), **layer('patch_embed.proj', dim, 3, patch, patch),
              **layer('patch_embed_prompt.proj', dim, 128, 1, 1), **norm('ln_post'),
              **layer('head.fc_cls', classes, dim)}
    for index in range(depth):
        stage, block = f'prompt_blocks.{index}', f'blocks.{index}'
        tma = f'{stage}.TMA'
        shapes |= {**layer(f'{stage}.conv0_0', 8, dim, 1, 1), **layer(f'{stage}.conv0_1', 8, dim, 1, 1),
                   **layer(f'{stage}.conv1x1', dim, 8, 1, 1), f'{stage}.fovea.smooth': (1, ),
                   **layer(f'{tma}.T_Adapter.D_fc1', low, dim), **layer(f'{tma}.T_Adapter.D_fc2', dim, low),
                   f'{tma}.T_Adapter.attn.qkv.weight': (3 * low, low), **layer(f'{tma}.T_Adapter.attn.proj', low, low),
                   **norm(f'{tma}.norm'), **layer(f'{tma}.S_Adapter.D_fc1', low, dim),
                   **layer(f'{tma}.S_Adapter.D_fc2', dim, low), **norm(f'prompt_norms.{index}'),
                   **norm(f'{block}.norm1'), **layer(f'{block}.attn.qkv', 3 * dim, dim),
                   **layer(f'{block}.attn.proj', dim, dim), **norm(f'{block}.norm2'),
                   **layer(f'{block}.mlp.fc1', hidden * dim, dim), **layer(f'{block}.mlp.fc2', dim, hidden * dim)}
    return shapes


def random_values(shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    state = {name: torch.randn(tuple(shape), generator=generator) * 0.2 for name, shape in shapes.items()}
    return {name: value + 1 if name.endswith(('norm.weight', 'norm1.weight', 'norm2.weight', 'ln_post.weight')) or
            name.startswith('prompt_norms') and name.endswith('weight') else value for name, value in state.items()}


@pytest.fixture(scope='module')
def landmark_file(tmp_path_factory):
    """The landmark net's file as it is released, with values that let every layer count."""
    net = MobileFaceNet.random(1)
    generator = torch.Generator().manual_seed(3)
    for name, value in net.state_dict().items():
        if 'bn.' in name and value.is_floating_point():
            value.copy_(1 + 0.2 * torch.rand(value.shape, generator=generator))
    path = tmp_path_factory.mktemp('landmarks') / 'mobilefacenet_model_best.pth.tar'
    torch.save(dict(state_dict=net.state_dict(), epoch=3), path)
    return str(path)


@pytest.fixture(scope='module')
def release():
    return random_values(released_shapes())


# The release's computation by the sheet, under its names, in plain functions.

def linear(s, name, x):
    return F.linear(x, s[f'{name}.weight'].flatten(1), s.get(f'{name}.bias'))


def layer_norm(s, name, x, eps=1e-6):
    return F.layer_norm(x, x.shape[-1:], s[f'{name}.weight'], s[f'{name}.bias'], eps)


def attend(s, name, x, heads):
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in linear(s, f'{name}.qkv', x).chunk(3, -1))
    mixed = (q @ k.transpose(-1, -2) * q.shape[-1]**-0.5).softmax(-1) @ v
    return linear(s, f'{name}.proj', mixed.transpose(1, 2).flatten(2))


def landmark_features(s, x):
    """(N, 3, 8·H, 8·W) -> (N, 128, H, W), the output of conv_4."""
    def unit(x, name, stride=1, act=True):
        weight = s[f'{name}.conv.weight']
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=x.shape[1] // weight.shape[1])
        x = F.batch_norm(x, *(s[f'{name}.bn.{part}'] for part in ('running_mean', 'running_var', 'weight', 'bias')))
        return F.prelu(x, s[f'{name}.prelu.weight']) if act else x

    def bottleneck(x, name, stride=1):
        return unit(unit(unit(x, f'{name}.conv'), f'{name}.conv_dw', stride), f'{name}.project', act=False)

    x = bottleneck(unit(unit(x, 'conv1', 2), 'conv2_dw'), 'conv_23', 2)
    for index in range(4):
        x = x + bottleneck(x, f'conv_3.model.{index}')
    x = bottleneck(x, 'conv_34', 2)
    for index in range(6):
        x = x + bottleneck(x, f'conv_4.model.{index}')
    return x


def stage(s, index, x, a, frames):
    """Patches and stream (B·T, N, D) after stage ``index``."""
    name = f'prompt_blocks.{index}'
    h, a = layer_norm(s, f'prompt_norms.{max(index - 1, 0)}', x), layer_norm(s, 'prompt_norms.0', a)
    z = linear(s, f'{name}.conv0_0', h)
    fovea = z * (s[f'{name}.fovea.smooth'] * z).softmax(dim=1)
    v = linear(s, f'{name}.conv1x1', fovea + linear(s, f'{name}.conv0_1', a))
    u = 0
    if f'{name}.TMA.norm.weight' in s:
        t = F.gelu(linear(s, f'{name}.TMA.T_Adapter.D_fc1', h)).unflatten(0, (-1, frames)).transpose(1, 2)
        t = attend(s, f'{name}.TMA.T_Adapter.attn', t.flatten(0, 1), 8)                # over time, place by place
        t = t.unflatten(0, (-1, x.shape[1])).transpose(1, 2).flatten(0, 1)
        t = layer_norm(s, f'{name}.TMA.norm', linear(s, f'{name}.TMA.T_Adapter.D_fc2', t), 1e-5)
        u = linear(s, f'{name}.TMA.S_Adapter.D_fc2', F.gelu(linear(s, f'{name}.TMA.S_Adapter.D_fc1', t)))
    return x + u + v, v


def expected_features(s, landmarks, clips, last='ln_post'):
    """Class tokens (B, T, D) of clips (B, 3, T, H, W)."""
    frames = clips.shape[2]
    images = clips.transpose(1, 2).flatten(0, 1)
    weight = s['patch_embed.proj.weight']
    x = F.conv2d(images, weight, s['patch_embed.proj.bias'], stride=weight.shape[-1])
    small = F.interpolate(images, size=[8 * side for side in x.shape[2:]], mode='bilinear', align_corners=True)
    a = linear(s, 'patch_embed_prompt.proj', landmark_features(landmarks, small).flatten(2).transpose(1, 2))
    x, a = stage(s, 0, x.flatten(2).transpose(1, 2), a, frames)
    x = torch.cat([s['cls_token'].expand(len(x), 1, -1), x], dim=1) + s['pos_embed']
    if 'temporal_embedding' in s:
        x = (x.unflatten(0, (-1, frames)) + s['temporal_embedding'][0][:, None]).flatten(0, 1)
    for index in range(DEPTH):
        if index:
            patches, a = stage(s, index, x[:, 1:], a, frames)
            x = torch.cat([x[:, :1], patches], dim=1)
        block = f'blocks.{index}'
        x = x + attend(s, f'{block}.attn', layer_norm(s, f'{block}.norm1', x), HEADS)
        hidden = F.gelu(linear(s, f'{block}.mlp.fc1', layer_norm(s, f'{block}.norm2', x)))
        x = x + linear(s, f'{block}.mlp.fc2', hidden)
    return layer_norm(s, last, x[:, 0]).unflatten(0, (-1, frames))


def doubled(state):
    return {name: value.double() if value.is_floating_point() else value for name, value in state.items()}


def recognizer(landmark_file, classes=CLASSES, **backbone):
    return MODELS.build(dict(
        type='Recognizer3D',
        backbone=dict(dict(SIZES, type='S2DViT', temporal_embedding=FRAMES, landmarks=dict(checkpoint=landmark_file)),
                      **backbone),
        cls_head=dict(type='AnchorDistillationHead', num_classes=classes, in_channels=DIM, dropout=0.5))).eval()


def clips(batch=2, seed=5):
    return torch.randn(batch, 3, FRAMES, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_a_folds_file_gives_the_releases_logits(release, landmark_file):
    landmarks = torch.load(landmark_file)['state_dict']
    found = convert(dict(release, **{f'landmark_net.{name}': value for name, value in landmarks.items()}), 'fold1.pth')
    assert found.classes == CLASSES and len(found.unused) == len(landmarks)
    model = recognizer(landmark_file)
    model.load_state_dict(found.state)                      # strict: nothing is missing, nothing left over
    model.double()
    s = doubled(release)
    features = expected_features(s, doubled(landmarks), clips().double())
    expected = linear(s, 'head.fc_cls', features.mean(dim=1))
    torch.testing.assert_close(model.cls_head(model.backbone(clips().double())), expected, rtol=1e-8, atol=1e-9)
    assert expected.std() > 0.1


def test_names_and_shapes_are_those_of_the_released_files():
    path = KEYS / 's2d_vitb16.json'
    if not path.is_file():
        pytest.skip(f'names and shapes of released checkpoints are not at {KEYS}')
    theirs = {name: tuple(shape) for name, shape in json.loads(path.read_text())['keys'].items()}
    assert theirs == released_shapes(768, 12, 16, 224, 16, hidden=4)
    found = convert({name: torch.zeros(shape, device='meta') for name, shape in theirs.items()}, 'fold1.pth')
    ours = {name: tuple(value.shape)
            for name, value in build_shapes(load_config(found.config).model).state_dict().items()}
    assert {name: tuple(value.shape) for name, value in found.state.items()} == ours
    theirs = json.loads((KEYS / 's2d_mobilefacenet.json').read_text())['keys']
    net = MobileFaceNet()
    assert {name: list(value.shape) for name, value in net.state_dict().items()} == theirs
    assert sum(parameter.numel() for parameter in net.parameters()) == 1_007_248


def test_the_landmark_net_gives_the_points_of_its_own_computation(landmark_file):
    net = MobileFaceNet().eval()
    state = torch.load(landmark_file)['state_dict']
    net.load_state_dict(state)
    with torch.no_grad():
        faces = torch.randn(1, 3, 112, 112)
        torch.testing.assert_close(net.features(faces), landmark_features(state, faces), rtol=1e-4, atol=1e-4)
        assert net(faces).shape == (1, 136)


@torch.no_grad()
def test_of_the_image_stages_file_come_body_and_stages_and_time_starts_at_nothing(tmp_path, release, landmark_file):
    image = {name.replace('ln_post.', 'norm.'): value for name, value in release.items()
             if 'TMA' not in name and name not in ('temporal_embedding', )}
    landmarks = torch.load(landmark_file)['state_dict']
    image |= {f'landmark.{name}': value for name, value in landmarks.items()}
    torch.save(dict(model_state_dict=image, epoch=1), tmp_path / 'pretrain-AffectNet-7.pth')
    file = str(tmp_path / 'pretrain-AffectNet-7.pth')
    model = S2DViT(**SIZES, temporal_embedding=FRAMES, landmarks=dict(checkpoint=file),             # holds the net too
                   init_cfg=dict(type='Pretrained', checkpoint=file)).eval()
    model.init_weights()
    expected = expected_features(doubled(image), doubled(landmarks), clips().double(), 'norm')
    torch.testing.assert_close(model.double()(clips().double()), expected, rtol=1e-8, atol=1e-9)


@torch.no_grad()
def test_over_any_other_image_model_a_new_one_is_that_model_unless_it_starts_as_the_release(tmp_path):
    torch.manual_seed(0)
    plain = AdapterViT(**SIZES)
    plain.init_weights()
    torch.save(plain.state_dict(), tmp_path / 'vit.pth')
    settings = dict(SIZES, temporal_embedding=FRAMES, landmarks=dict(checkpoint='random'),
                    init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'vit.pth')))
    for zero_init in (True, False):
        model = S2DViT(**settings, zero_init=zero_init)
        model.init_weights()
        gap = (model.eval()(clips()) - plain.eval()(clips())).abs().max()
        assert gap < 1e-5 if zero_init else gap > 1e-3


@torch.no_grad()
def test_without_landmarks_stages_are_time_alone(release, tmp_path):
    """The sheet's stage with v = 0, from the same file."""
    model = S2DViT(**SIZES, temporal_embedding=FRAMES).eval()
    s = dict(release, **{name: torch.zeros_like(value) for name, value in release.items() if '.conv1x1.' in name})
    found = {name.removeprefix('backbone.'): value for name, value in convert(s, 'fold1.pth').state.items()}
    own = model.state_dict()
    model.load_state_dict({name: found[name] for name in own})
    assert not any('down' in name and 'temporal' not in name or 'landmarks' in name for name in own)
    landmarks = doubled(MobileFaceNet.random().state_dict())
    expected = expected_features(doubled(s), landmarks, clips().double())
    torch.testing.assert_close(model.double()(clips().double()), expected, rtol=1e-8, atol=1e-9)
    torch.save({name.replace('ln_post.', 'norm.'): value for name, value in release.items() if 'TMA' not in name},
               tmp_path / 'x.pth')
    again = S2DViT(**SIZES, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'x.pth')))
    again.init_weights()
    assert again.s2d_stages.norms[1].weight.equal(release['prompt_norms.1.weight'])


def test_the_adapter_has_the_releases_start_and_count():
    adapter = S2DTemporalAdapter(768, zero_init=False)
    assert sum(parameter.numel() for parameter in adapter.parameters()) == 740_928
    for name, parameter in adapter.named_parameters():
        if name.endswith('weight') and 'norm' not in name:
            assert abs(parameter.std() - 0.02) < 0.002, name                # truncated at 100 deviations
        elif name.endswith('bias'):
            assert not parameter.any(), name
    x, grid = torch.randn(4, 7, 768), TokenGrid(4, 2, 3)
    with torch.no_grad():
        delta = adapter(x, grid)
        other = x.clone()
        other[3, 5] += 1                                # a place is mixed with itself over time, and with nothing else
        changed = (adapter(other, grid) - delta).abs().amax(-1) > 1e-7
    assert changed[:, 5].all() and changed.sum() == 4
    assert S2DTemporalAdapter(8, num_heads=2, patches_alone=True).tokens == 'patches'
    with pytest.raises(ValueError, match='num_heads=5 does not divide the width 192'):
        S2DTemporalAdapter(768, num_heads=5)


def test_what_trains_gets_a_gradient_and_the_landmark_net_stays_as_it_is(landmark_file):
    model = recognizer(landmark_file, zero_init=False).train()
    model.backbone(clips()).mean(dim=1).square().sum().backward()
    without = {name for name, parameter in model.backbone.named_parameters()
               if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())}
    last = f's2d_stages.norms.{DEPTH - 1}'
    assert without == {f'{last}.weight', f'{last}.bias'}                    # there and unused, as in the release
    net = model.backbone.s2d_stages.landmarks.net
    assert not net.training and not any(parameter.requires_grad for parameter in net.parameters())
    assert not model.backbone.layers.training and model.backbone.s2d_stages.training
    assert not any('conv_4' in name for name in model.state_dict())


def test_a_landmark_file_that_is_missing_or_anothers_is_refused_by_the_option_that_gives_it(tmp_path, landmark_file):
    option = 'model.backbone.landmarks.checkpoint'
    with pytest.raises(CheckpointError, match=f'^{option} is not set.*--cfg-options {option}=FILE'):
        recognizer(None)
    with pytest.raises(CheckpointError, match=f'^{option}: .*no such checkpoint file'):
        recognizer(str(tmp_path / 'none.pth'))
    torch.save(dict(MobileFaceNet().state_dict(), **{'conv_4.model.0.extra': torch.zeros(2)}), tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match=f'^{option}: .*is no MobileFaceNet .*conv_4.model.0.extra'):
        recognizer(str(tmp_path / 'x.pth'))
    trained = recognizer(landmark_file).state_dict()
    with pytest.raises(CheckpointError, match='digest: the checkpoint was trained with other landmark weights'):
        recognizer('random').load_state_dict(trained)
    recognizer(landmark_file).load_state_dict(trained)


@pytest.mark.parametrize('changed, message', [
    ({'moe.weight': torch.zeros(2)}, r'fold1.pth: moe.weight \(2,\) is no tensor of S2D'),
    ({'head.fc_cls.weight': None}, 'has no classifier'),
])
def test_a_file_of_another_system_is_refused(release, changed, message):
    state = {name: value for name, value in (release | changed).items() if value is not None}
    with pytest.raises(CheckpointError, match=message):
        convert(state, 'fold1.pth')


def test_stages_of_another_size_are_refused(tmp_path, release):
    image = {name.replace('ln_post.', 'norm.'): value for name, value in release.items() if 'TMA' not in name}
    image['prompt_blocks.1.conv1x1.weight'] = torch.zeros(DIM, 4, 1, 1)
    torch.save(image, tmp_path / 'x.pth')
    model = S2DViT(**SIZES, landmarks=dict(checkpoint='random'),
                   init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'x.pth')))
    with pytest.raises(CheckpointError, match='stages are not those of this model .*blocks.1.up.weight'):
        model.init_weights()
