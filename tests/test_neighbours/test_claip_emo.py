"""CLAIP-Emo's video branch, by random values under its names, computes here what its own code computes."""
from __future__ import annotations

import pytest
import torch
from mmengine.registry import init_default_scope
from torch.nn.functional import conv2d, gelu, layer_norm

from mmdfer.apis.convert_release import convert_release
from mmdfer.apis.counting import build_shapes
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.weights import CheckpointError
from mmdfer.weights.neighbours.claip_emo import convert

from .mae_line import Shapes, lines, norm_shapes, values
from .released import sheet

WIDTH, DEPTH, RANK, FRAMES, SIDE, INNER = 128, 2, 3, 4, 2, 64
TOWER = 'vision_encoder.model.vision_model.'
HEADLESS = {'cls_head.fc.weight', 'cls_head.fc.bias'}


def release_shapes() -> Shapes:
    shapes = {f'{TOWER}embeddings.class_embedding': (WIDTH, ), f'{TOWER}embeddings.patch_embedding.weight': (
        WIDTH, 3, 16, 16), f'{TOWER}embeddings.position_embedding.weight': (1 + SIDE**2, WIDTH),
        **norm_shapes(f'{TOWER}pre_layrnorm', WIDTH), **norm_shapes(f'{TOWER}post_layernorm', WIDTH),
        'temporal_v.cls_token': (1, 1, WIDTH), 'temporal_v.pos_embedding': (1, 1 + FRAMES, WIDTH)}
    for layer in (f'{TOWER}encoder.layers.{index}.' for index in range(DEPTH)):
        shapes.update(norm_shapes(f'{layer}layer_norm1', WIDTH) | norm_shapes(f'{layer}layer_norm2', WIDTH))
        sizes = {f'self_attn.{part}_proj': (WIDTH, WIDTH) for part in ('q', 'k', 'v', 'out')}
        for name, (inputs, outputs) in {**sizes, 'mlp.fc1': (WIDTH, 96), 'mlp.fc2': (96, WIDTH)}.items():
            shapes.update(lines(f'{layer}{name}.base_layer', inputs, outputs))
            shapes[f'{layer}{name}.lora_A.default.weight'] = (RANK, inputs)
            shapes[f'{layer}{name}.lora_B.default.weight'] = (outputs, RANK)
    layer = 'temporal_v.temporal_transformer.layers.0.'
    shapes.update(norm_shapes(f'{layer}0.fn.norm', WIDTH) | norm_shapes(f'{layer}1.fn.norm', WIDTH))
    shapes[f'{layer}0.fn.fn.to_qkv.weight'] = (3 * INNER, WIDTH)
    return {**shapes, **lines(f'{layer}0.fn.fn.to_out.0', INNER, WIDTH), **lines(f'{layer}1.fn.fn.net.0', WIDTH, 48),
            **lines(f'{layer}1.fn.fn.net.3', 48, WIDTH)}


@pytest.fixture(scope='module')
def state():
    return values(release_shapes())


def built(state):
    release = convert(state, 'best.pth')
    init_default_scope('mmaction')
    model = MODELS.build(load_config('neighbours/claip_emo_dfew', {f'model.{key}': value for key, value in
                                                                    release.settings.items()}).model)
    missing, unexpected = model.load_state_dict(release.state, strict=False)
    assert (set(missing), unexpected) == (HEADLESS, [])
    return model.double().eval()


@torch.no_grad()
def features(model, clips):
    return model.cls_head.pool(model.backbone(clips))


class Sheet:
    """The branch's forward on the release's names, clip after clip."""

    def __init__(self, state: dict) -> None:
        self.state = {name: value.double() for name, value in state.items()}

    def linear(self, name, x):
        return x @ self.state[f'{name}.weight'].T + self.state[f'{name}.bias']

    def norm(self, name, x):
        return layer_norm(x, x.shape[-1:], self.state[f'{name}.weight'], self.state[f'{name}.bias'], 1e-5)

    def tuned(self, name, x):
        """W x + b + 32 / r · B A x."""
        update = x @ self.state[f'{name}.lora_A.default.weight'].T @ self.state[f'{name}.lora_B.default.weight'].T
        return self.linear(f'{name}.base_layer', x) + 32 / RANK * update

    @staticmethod
    def attend(query, key, value):
        heads = []
        for part in (slice(start, start + 64) for start in range(0, query.shape[-1], 64)):
            heads.append((query[..., part] @ key[..., part].mT / 8).softmax(-1) @ value[..., part])
        return torch.cat(heads, -1)

    def clip(self, clip):
        """The feature of a clip (3, T, H, W)."""
        at = self.state
        patches = conv2d(clip.transpose(0, 1), at[f'{TOWER}embeddings.patch_embedding.weight'], stride=16).flatten(2).mT
        first = at[f'{TOWER}embeddings.class_embedding'].expand(len(patches), 1, -1)
        x = torch.cat([first, patches], 1) + at[f'{TOWER}embeddings.position_embedding.weight']
        x = self.norm(f'{TOWER}pre_layrnorm', x)
        for layer in (f'{TOWER}encoder.layers.{index}.' for index in range(DEPTH)):
            h = self.norm(f'{layer}layer_norm1', x)
            parts = (self.tuned(f'{layer}self_attn.{part}_proj', h) for part in 'qkv')
            x = x + self.tuned(f'{layer}self_attn.out_proj', self.attend(*parts))
            h = self.tuned(f'{layer}mlp.fc1', self.norm(f'{layer}layer_norm2', x))
            x = x + self.tuned(f'{layer}mlp.fc2', h * torch.sigmoid(1.702 * h))
        frames = self.norm(f'{TOWER}post_layernorm', x[:, 0])
        x = torch.cat([at['temporal_v.cls_token'][0], frames]) + at['temporal_v.pos_embedding'][0]
        layer = 'temporal_v.temporal_transformer.layers.0.'
        parts = (self.norm(f'{layer}0.fn.norm', x) @ at[f'{layer}0.fn.fn.to_qkv.weight'].T).chunk(3, -1)
        x = x + self.linear(f'{layer}0.fn.fn.to_out.0', self.attend(*parts))
        h = gelu(self.linear(f'{layer}1.fn.fn.net.0', self.norm(f'{layer}1.fn.norm', x)), approximate='tanh')
        return (x + self.linear(f'{layer}1.fn.fn.net.3', h))[0]


def test_features_are_the_releases_and_a_clips_own(state):
    generator = torch.Generator().manual_seed(1)
    clips = torch.randn(3, 3, FRAMES, 16 * SIDE, 16 * SIDE, generator=generator, dtype=torch.float64)
    model, by_sheet = built(state), Sheet(state)
    found, expected = features(model, clips), torch.stack([by_sheet.clip(clip) for clip in clips])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert expected.std() > 0.1
    torch.testing.assert_close(features(model, clips[:1]), found[:1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(features(model, clips.flip(0)), found.flip(0), rtol=1e-9, atol=1e-9)


def test_names_of_older_wrappers_are_the_same_tensors(state):
    older = {}
    for name, value in state.items():
        name = name.replace('base_layer.', '').replace('.default', '')
        older[name.replace('vision_encoder.model.', 'vision_encoder.base_model.model.')] = value
    ours, theirs = convert(state, 'new.pth').state, convert(older, 'old.pth').state
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_whole_branch_has_each_tensor_of_the_config_but_the_classifier():
    """Its tunable parameters, without a classifier, are the sheet's."""
    shapes = {name: torch.empty(shape, device='meta') for name, shape in sheet('claip_emo_video').items()}
    release = convert(shapes, 'best.pth')
    assert release.settings == {}
    model = build_shapes(load_config('neighbours/claip_emo_dfew').model)
    own = {name: value.shape for name, value in model.state_dict().items()}
    assert own.keys() - release.state.keys() == HEADLESS
    assert {name: value.shape for name, value in release.state.items()} == {
        name: shape for name, shape in own.items() if name not in HEADLESS}
    tunable = {name: value.numel() for name, value in model.named_parameters() if value.requires_grad}
    assert sum(size for name, size in tunable.items() if name not in HEADLESS) == 4_492_288
    assert sum(size for name, size in tunable.items() if '.lora_' in name) == 1_327_104


def test_a_file_without_classifier_is_trained_on_and_the_audio_branch_is_left_out(state, tmp_path):
    audio = {'audio_encoder.blocks.0.weight': torch.zeros(2), 'fusion_module.fc.weight': torch.zeros(2)}
    torch.save(dict(model={**state, **audio}), tmp_path / 'in.pth')
    report = convert_release('claip_emo', tmp_path / 'in.pth', tmp_path / 'out.safetensors', dataset='mafw')
    assert '(2 that its computation leaves out are not)' in report and 'cannot be tested' in report
    assert 'mmdfer train neighbours/claip_emo_mafw --cfg-options load_from=' in report


@pytest.mark.parametrize('changed, message', [
    ({f'{TOWER}encoder.layers.1.self_attn.k_proj.base_layer.bias': None}, r'layers\.1\.attn\.k\.bias is missing'),
    ({f'{TOWER}encoder.layers.1.mlp.fc2.lora_B.default.weight': None},
     r'layers\.1\.ffn\.layers\.1\.lora_up\.weight is missing in a claip_emo release as'),
    ({'temporal_v.norm.weight': torch.zeros(3)}, r"temporal_v\.norm\.weight \(3,\) is no tensor of CLAIP-Emo's"),
    ({'temporal_v.cls_token': None}, 'no checkpoint of claip_emo is recognised'),
])
def test_another_file_is_refused_by_a_tensors_name(state, tmp_path, changed, message):
    torch.save({name: value for name, value in {**state, **changed}.items() if value is not None}, tmp_path / 'in.pth')
    with pytest.raises(CheckpointError, match=message):
        convert_release('claip_emo', tmp_path / 'in.pth', tmp_path / 'out.safetensors')
