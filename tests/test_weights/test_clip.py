"""CLIP files of every known format give the features that their own code gives, and others are refused."""
import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mmdfer.apis.convert_clip import convert_clip
from mmdfer.text import tokenize
from mmdfer.weights import CheckpointError, load_clip_text, load_vit, read_checkpoint
from mmdfer.weights.clip import stretch_positions

from ..commands import tool
from ..conftest import ROOT
from ..test_text import clip_models as clip
from .hostile import Stateful

KEYS = ROOT.parent / 'shared' / 'data' / 'checkpoint_keys'
TEXTS = ['happy', 'a photo of a person who is afraid of something']
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
GELU = dict(act_cfg=dict(type='GELU'))


class Archived(nn.Module):
    """A module under OpenAI's names, with the numbers that its archives carry."""

    def __init__(self, model):
        super().__init__()
        for name, child in model.named_children():
            self.add_module(name, child)
        for name in ('positional_embedding', 'text_projection', 'logit_scale'):
            self.register_parameter(name, getattr(model, name))
        for name, value in (('input_resolution', 32), ('context_length', 77), ('vocab_size', 49408)):
            self.register_buffer(name, torch.tensor(value))

    def forward(self, images):
        return self.visual(images)


def half(state):
    return {key: value.half() if value.is_floating_point() else value for key, value in state.items()}


def write_archive(model, path):
    torch.jit.trace(Archived(model), IMAGES, check_trace=False).save(str(path))


def hf_model(**kwargs):
    transformers = pytest.importorskip('transformers')
    sizes = dict(hidden_size=64, intermediate_size=256, num_hidden_layers=3, num_attention_heads=1, **kwargs)
    config = transformers.CLIPConfig(
        text_config=dict(sizes, vocab_size=49408, bos_token_id=49406, eos_token_id=49407, projection_dim=32),
        vision_config=dict(sizes, image_size=32, patch_size=8, projection_dim=32), projection_dim=32)
    return clip.randomise(transformers.CLIPModel(config)).eval()


def load_both(path, layer_cfg=clip.QUICK, **kwargs):
    vision = clip.our_vision(layer_cfg=layer_cfg, init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    text = clip.our_text(layer_cfg=layer_cfg, init_cfg=dict(type='Pretrained', checkpoint=str(path)), **kwargs)
    vision.init_weights()
    text.init_weights()
    return vision, text


@torch.no_grad()
def assert_features(path, image_features, text_features, tolerance=1e-5, **kwargs):
    vision, text = load_both(path, **kwargs)
    torch.testing.assert_close(vision(IMAGES), image_features, rtol=0, atol=tolerance)
    torch.testing.assert_close(text.encode_text(tokenize(TEXTS)), text_features, rtol=0, atol=tolerance)
    return text.logit_scale.item()


@pytest.mark.parametrize('name, write', [
    ('state.pt', lambda model, path: torch.save(model.state_dict(), path)),
    ('archive.pt', write_archive),
    ('ddp.pt', lambda model, path: torch.save(
        dict(epoch=3, state_dict={f'module.{key}': value for key, value in model.state_dict().items()}), path)),
    ('open_clip.safetensors', lambda model, path: save_file(model.state_dict(), path)),
    ('own_text_class.pt', lambda model, path: torch.save(
        {key if key.startswith(('visual.', 'logit_scale')) else f'text.{key}': value
         for key, value in model.state_dict().items()}, path)),
])
@torch.no_grad()
def test_openai_and_open_clip_files(tmp_path, name, write):
    theirs = clip.open_clip_model()
    nn.init.constant_(theirs.logit_scale, 3.0)
    write(theirs, tmp_path / name)
    expected = theirs.encode_image(IMAGES), theirs.encode_text(tokenize(TEXTS))
    assert assert_features(tmp_path / name, *expected) == 3.0
    convert_clip(tmp_path / name, tmp_path / 'ours.safetensors')
    assert assert_features(tmp_path / 'ours.safetensors', *expected) == 3.0


@torch.no_grad()
def test_float16_is_computed_in_float32(tmp_path):
    theirs = clip.open_clip_model()
    torch.save(half(theirs.state_dict()), tmp_path / 'x.pt')
    theirs.load_state_dict({key: value.float() for key, value in half(theirs.state_dict()).items()})
    assert_features(tmp_path / 'x.pt', theirs.encode_image(IMAGES), theirs.encode_text(tokenize(TEXTS)))
    assert load_both(tmp_path / 'x.pt')[0].cls_token.dtype == torch.float32


@pytest.mark.parametrize('how', ['safetensors folder', 'bin folder', 'file', 'gelu folder'])
@torch.no_grad()
def test_transformers_models(tmp_path, how):
    theirs = hf_model(hidden_act='gelu' if how.startswith('gelu') else 'quick_gelu')
    theirs.save_pretrained(tmp_path, safe_serialization=how != 'bin folder')
    path = tmp_path / 'model.safetensors' if how == 'file' else tmp_path
    tokens = tokenize(TEXTS)
    expected = theirs.get_image_features(IMAGES), theirs.get_text_features(tokens)
    right, wrong = (GELU, clip.QUICK) if how.startswith('gelu') else (clip.QUICK, GELU)
    scale = assert_features(path, *expected, layer_cfg=right)
    assert scale == theirs.logit_scale.item()
    u, v = (nn.functional.normalize(x, dim=-1) for x in expected)
    logits = torch.tensor(scale).exp() * u @ v.T
    torch.testing.assert_close(logits, theirs(tokens, IMAGES).logits_per_image, rtol=0, atol=1e-5)
    convert_clip(path, tmp_path / 'ours.safetensors')
    for source in (path, tmp_path / 'ours.safetensors'):
        with pytest.raises(CheckpointError, match='GELU, the model computes with .*GELU; set layer_cfg=dict'):
            load_both(source, layer_cfg=wrong)


@torch.no_grad()
def test_an_open_clip_folder_tells_its_activation(tmp_path):
    theirs = clip.open_clip_model(quick_gelu=False)
    save_file(theirs.state_dict(), tmp_path / 'open_clip_model.safetensors')
    (tmp_path / 'open_clip_config.json').write_text(json.dumps(dict(model_cfg=dict(embed_dim=32))))
    assert_features(tmp_path, theirs.encode_image(IMAGES), theirs.encode_text(tokenize(TEXTS)), layer_cfg=GELU)
    with pytest.raises(CheckpointError, match='was trained with GELU, the model computes with QuickGELU'):
        load_both(tmp_path)


def long_state(model):
    """Long-CLIP's names: a table whose first rows count, and one whose others do; the rest is nonsense."""
    state, table = dict(model.state_dict()), model.positional_embedding.detach()
    state['positional_embedding'], state['positional_embedding_res'] = table.clone(), table.clone()
    state['positional_embedding'][20:] = 7.
    state['positional_embedding_res'][:20] = 7.
    return state


@torch.no_grad()
def test_long_clip(tmp_path):
    theirs = clip.open_clip_model(context=248)
    torch.save(long_state(theirs), tmp_path / 'x.pt')
    tokens = tokenize(['raised eyebrows and ' * 40], 248)
    for path in (tmp_path / 'x.pt', tmp_path / 'ours.safetensors'):
        vision, text = load_both(path, context=248)
        torch.testing.assert_close(text.encode_text(tokens), theirs.encode_text(tokens), rtol=0, atol=1e-5)
        torch.testing.assert_close(vision(IMAGES), theirs.encode_image(IMAGES), rtol=0, atol=1e-5)
        convert_clip(tmp_path / 'x.pt', tmp_path / 'ours.safetensors', force=True)
    with pytest.raises(CheckpointError, match="248 text positions, the model 77; set the .* context_length=248"):
        load_clip_text(clip.our_text(), tmp_path / 'x.pt')


def test_a_table_of_77_positions_stretches_as_long_clips(tmp_path):
    p = torch.randn(77, 5, dtype=torch.float64)
    rows = [p[i] for i in range(20)]
    for i in range(56):
        rows += [((4 - j) * p[20 + i] + j * p[21 + i]) / 4 for j in range(4)]
    rows += [p[76] + j * (p[76] - p[75]) / 4 for j in range(4)]
    assert len(rows) == 248
    torch.testing.assert_close(stretch_positions(p[None])[0], torch.stack(rows), rtol=0, atol=1e-14)
    torch.save(clip.open_clip_model().state_dict(), tmp_path / 'x.pt')
    encoder = clip.our_text(context=248)
    report = load_clip_text(encoder, tmp_path / 'x.pt')
    assert '77 positions were stretched to 248' in str(report)
    assert torch.equal(encoder.pos_embed[:, :20], clip.open_clip_model().positional_embedding[None, :20])


def test_sizes_come_from_the_file_on_request(tmp_path):
    sizes = dict(embed_dims=128, num_layers=2, num_heads=2, feedforward_channels=512, proj_dim=48)
    theirs = clip.open_clip_model(text=sizes)
    torch.save(theirs.state_dict(), tmp_path / 'x.pt')
    text = clip.our_text(None, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'x.pt')))
    text.init_weights()
    with torch.no_grad():
        expected = theirs.encode_text(tokenize(TEXTS))
        torch.testing.assert_close(text.encode_text(tokenize(TEXTS)), expected, rtol=0, atol=1e-5)


def test_a_tower_without_projection_leaves_it_out_and_says_so(tmp_path):
    torch.save(clip.open_clip_model().state_dict(), tmp_path / 'x.pt')
    report = load_vit(clip.our_vision(proj_dim=None), tmp_path / 'x.pt')
    assert report.unexpected == ['out_proj.weight'] and 'projection (out_proj.weight)' in str(report)
    assert 'does not tell whether it computes with QuickGELU' in str(report)


def state_without(*parts):
    return {key: value for key, value in clip.open_clip_model().state_dict().items() if not key.startswith(parts)}


@pytest.mark.parametrize('load, message', [
    (lambda path: load_vit(clip.our_vision(dict(clip.VISION, embed_dims=128)), path), 'architecture.*patch_size'),
    (lambda path: load_vit(clip.our_vision(dict(clip.VISION, num_layers=2)), path), 'another depth'),
    (lambda path: load_vit(clip.our_vision(dict(clip.VISION, num_layers=4)), path), 'lacks 12 weights'),
    (lambda path: load_vit(clip.our_vision(patch_size=16), path), 'another architecture'),
    (lambda path: load_vit(clip.our_vision(proj_dim=48), path), 'out_proj.weight has shape'),
    (lambda path: load_clip_text(clip.our_text(dict(clip.TEXT, num_layers=2)), path), 'depth: set the text encoder'),
    (lambda path: load_clip_text(clip.our_text(dict(clip.TEXT, feedforward_channels=128)), path), 'arch of the text'),
    (lambda path: load_clip_text(clip.our_text(context=60), path), '77 text positions, the model 60'),
])
def test_another_architecture_is_refused_by_field(tmp_path, load, message):
    torch.save(clip.open_clip_model().state_dict(), tmp_path / 'x.pt')
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path / 'x.pt')


@pytest.mark.parametrize('state, message', [
    (lambda: state_without('visual.ln_post'), r"lacks 2 weights of a vision tower of 3 blocks \(such as ln1.weight"),
    (lambda: state_without('transformer.resblocks.1'), r'lacks 12 weights of a text tower of 3 blocks'),
    (lambda: {'visual.layer1.0.conv1.weight': torch.zeros(1)}, 'is a ResNet, which the towers here do not compute'),
    (lambda: dict(state_without(), logit_bias=torch.zeros(())), "SigLIP's sigmoid loss"),
    (lambda: {'conv1.weight': torch.zeros(1)}, 'no CLIP model is recognised .*conv1.weight.*Long-CLIP'),
])
def test_files_that_cannot_be_converted_are_refused(tmp_path, state, message):
    torch.save(state(), tmp_path / 'x.pt')
    with pytest.raises(CheckpointError, match=message):
        convert_clip(tmp_path / 'x.pt', tmp_path / 'y.safetensors')
    assert not (tmp_path / 'y.safetensors').exists()


def test_a_file_of_one_tower_gives_that_alone(tmp_path):
    torch.save(state_without('visual.'), tmp_path / 'x.pt')
    load_clip_text(clip.our_text(), tmp_path / 'x.pt')
    with pytest.raises(CheckpointError, match='has no vision tower, only text'):
        load_vit(clip.our_vision(), tmp_path / 'x.pt')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(CheckpointError, match='a folder without model.safetensors'):
        load_vit(clip.our_vision(), tmp_path / 'empty')


@pytest.mark.parametrize('trust', ['0', '1'])
def test_an_archive_whose_state_only_its_program_reads_is_refused(tmp_path, monkeypatch, trust):
    monkeypatch.setenv('MMDFER_TRUST_CHECKPOINTS', trust)
    torch.jit.script(Stateful()).save(str(tmp_path / 'x.pt'))
    with pytest.raises(CheckpointError,
                       match='x.pt: .*Stateful whose state is no mapping of names.* save its state_dict'):
        read_checkpoint(tmp_path / 'x.pt')


def test_the_tool_converts(tmp_path):
    torch.save(clip.open_clip_model().state_dict(), tmp_path / 'x.pt')
    done = tool('convert/clip.py', tmp_path / 'x.pt', tmp_path / 'y.safetensors')
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr
    assert 'vision tower (width 64, 3 blocks, patches of 8x8, 16 of them), text tower (width 64' in told
    assert read_checkpoint(tmp_path / 'y.safetensors')['meta']['format'] == 'mmdfer-clip-1'
    with pytest.raises(CheckpointError, match='is there already'):
        convert_clip(tmp_path / 'x.pt', tmp_path / 'y.safetensors')


@pytest.mark.slow
@pytest.mark.parametrize('name, arch, patch, context', [
    ('openai_clip_vit_b32', 'ViT-B/32', 32, 77), ('openai_clip_vit_b16', 'ViT-B/16', 16, 77),
    ('openai_clip_vit_l14', 'ViT-L/14', 14, 77), ('longclip_vit_b16', 'ViT-B/16', 16, 248),
])
def test_the_public_files_fit_the_towers_of_their_names(tmp_path, name, arch, patch, context):
    path = KEYS / f'{name}.json'
    if not path.is_file():
        pytest.skip(f'names and shapes of public checkpoints are not at {KEYS}')
    shapes = json.loads(path.read_text())['keys']
    # One value for all of a tensor: torch.save keeps its storage alone.
    torch.save({key: torch.full((), 0.01, dtype=torch.float16).expand(shape) for key, shape in shapes.items()},
               tmp_path / 'x.pt')
    large = arch == 'ViT-L/14'
    with torch.device('meta'):
        vision = clip.our_vision('large' if large else 'base', 224, patch, 768 if large else 512)
        text = clip.our_text(arch, context)
    for tower, load in ((vision, load_vit), (text, load_clip_text)):
        report = load(tower.to_empty(device='cpu'), tmp_path / 'x.pt')
        assert len(report.loaded) == len(tower.state_dict()) and not (report.missing or report.resized)
