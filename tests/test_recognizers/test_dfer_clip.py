"""DFER-CLIP's configs: counts, rates of its parts, and the towers that one CLIP file starts."""
import pytest
import torch
from mmengine.optim import build_optim_wrapper

from mmdfer.apis.counting import count_config
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.run_towers import set_image_checkpoint, towers
from mmdfer.text import tokenize

from ..conftest import ROOT
from ..test_text import clip_models as clip

CONFIGS = {patch: ROOT / f'configs/baselines/dfer_clip_vitb{patch}_dfew.py' for patch in (32, 16)}
BLOCK = 4 * (768**2 + 768) + 2 * 4 * 768**2 + 5 * 768 + 4 * 768
TEMPORAL = 512 + 17 * 512 + 4 * 512**2 + 512 + 2 * 512 * 1024 + 1024 + 512 + 4 * 512


def small(patch=32):
    """The config on the towers of the small CLIP model."""
    cfg = load_config(CONFIGS[patch])
    cfg.model.backbone.update(arch=clip.VISION, img_size=32, patch_size=8, proj_dim=32)
    cfg.model.cls_head.text_encoder.arch = clip.TEXT
    cfg.model.cls_head.temporal.update(in_channels=32, num_frames=4, num_heads=4, feedforward_channels=64)
    return cfg


@pytest.mark.slow
@pytest.mark.parametrize('patch', CONFIGS)
def test_counts_at_full_size(patch):
    tower = 3 * 768 * patch**2 + 768 * (1 + 1 + (224 // patch)**2) + 12 * BLOCK + 4 * 768 + 768 * 512
    tunable = count_config(load_config(CONFIGS[patch]))['tunable']
    # 7 classes, several descriptions each: one context of 8 tokens a class.
    assert tunable == tower + TEMPORAL + 7 * 8 * 512
    assert tunable == pytest.approx(90e6, rel=0.03)


def test_each_part_has_its_rate():
    cfg = small()
    model = MODELS.build(cfg.model)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    rate_of = {id(parameter): group['lr'] for group in groups for parameter in group['params']}
    rates = {name: rate_of[id(parameter)] for name, parameter in model.named_parameters() if parameter.requires_grad}
    for part, expected in (('backbone.', 1e-5), ('cls_head.temporal.', 1e-2), ('cls_head.prompt_learner.', 1e-3)):
        found = {rate for name, rate in rates.items() if name.startswith(part)}
        assert list(found) == [pytest.approx(expected)], part
    assert not any(name.startswith('cls_head.text_encoder.') for name in rates)


@torch.no_grad()
def test_one_clip_file_starts_both_towers(tmp_path):
    theirs = clip.open_clip_model()
    torch.save(theirs.state_dict(), tmp_path / 'clip.pt')
    cfg = small()
    assert [tower.type for tower in towers(cfg.model)] == ['AdapterViT', 'CLIPTextEncoder']
    set_image_checkpoint(cfg, str(tmp_path / 'clip.pt'))
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.eval()
    images, tokens = torch.randn(2, 3, 32, 32), tokenize('happy')
    torch.testing.assert_close(model.backbone(images), theirs.encode_image(images), rtol=0, atol=1e-5)
    features = model.cls_head.text_encoder.encode_text(tokens)
    torch.testing.assert_close(features, theirs.encode_text(tokens), rtol=0, atol=1e-5)


def test_a_step_moves_what_trains_and_a_clip_ignores_the_rest_of_its_batch():
    torch.manual_seed(0)
    model = MODELS.build(small().model)
    model.init_weights()
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    clips = torch.randn(3, 1, 3, 4, 32, 32)
    logits = model.train()(clips, mode='tensor', stage='head')
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 3, 6])).backward()
    optimizer.step()
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {name for name, value in model.named_parameters() if value.requires_grad}
    with torch.no_grad():
        together = model.eval()(clips, mode='tensor', stage='head')
        alone = model(clips[1:2], mode='tensor', stage='head')
    torch.testing.assert_close(alone / 100, together[1:2] / 100, rtol=0, atol=1e-6)      # cosines
