"""Both CLIP towers against open_clip's own model with the same weights, and what the towers promise beyond it."""
import pytest
import torch

from mmdfer.text import tokenize
from mmdfer.text.tokenizer import end_positions

from . import clip_models as clip

TEXTS = ['happy', 'a photo of a person who is afraid of something', 'Angry!']
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize('quick_gelu', [True, False])
@torch.no_grad()
def test_features_and_logits_equal_open_clips(quick_gelu):
    theirs = clip.open_clip_model(quick_gelu=quick_gelu)
    layer_cfg = clip.QUICK if quick_gelu else dict(act_cfg=dict(type='GELU'))
    vision = clip.copy_vision(clip.our_vision(layer_cfg=layer_cfg), theirs.visual)
    text = clip.copy_text(clip.our_text(layer_cfg=layer_cfg), theirs)
    tokens = tokenize(TEXTS)
    torch.testing.assert_close(vision(IMAGES), theirs.encode_image(IMAGES), rtol=0, atol=1e-5)
    torch.testing.assert_close(text.encode_text(tokens), theirs.encode_text(tokens), rtol=0, atol=1e-5)
    u, v = (torch.nn.functional.normalize(x, dim=-1) for x in (vision(IMAGES), text.encode_text(tokens)))
    expected = theirs.get_logits(IMAGES, tokens)[0]
    torch.testing.assert_close(text.logit_scale.exp() * u @ v.T, expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.1


@torch.no_grad()
def test_a_token_sees_none_behind_it():
    text = clip.randomise(clip.our_text())
    tokens = tokenize(TEXTS)
    embeddings, ends = text.embed(tokens), end_positions(tokens)
    changed = embeddings.clone()
    for row, end in zip(changed, ends):
        row[end + 1:].normal_()
    torch.testing.assert_close(text(changed, ends), text(embeddings, ends), rtol=0, atol=5e-6)
    torch.testing.assert_close(text.encode_text(tokens), text(embeddings, ends), rtol=0, atol=5e-6)
    changed[:, 1, 0] += 1
    assert (text(changed, ends) - text(embeddings, ends)).abs().max() > 1e-3
