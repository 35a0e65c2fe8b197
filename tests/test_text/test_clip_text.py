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
    for row, end in zip(changed, ends, strict=True):
        row[end + 1:].normal_()
    torch.testing.assert_close(text(changed, ends), text(embeddings, ends), rtol=0, atol=5e-6)
    torch.testing.assert_close(text.encode_text(tokens), text(embeddings, ends), rtol=0, atol=5e-6)
    changed[:, 1, 0] += 1
    assert (text(changed, ends) - text(embeddings, ends)).abs().max() > 1e-3


@torch.no_grad()
def test_deep_prompts_take_the_places_behind_the_start():
    """Against a loop over the blocks, with prompts of each text's own in the first place."""
    text = clip.randomise(clip.our_text())
    tokens = tokenize(TEXTS)
    ends = end_positions(tokens)
    embeddings = text.embed(tokens)
    embeddings[:, 1:3].normal_()
    deep = [torch.randn(2, 64), torch.randn(3, 2, 64)]
    x = embeddings + text.pos_embed
    for index, block in enumerate(text.layers):
        if index:
            x = x.clone()
            x[:, 1:3] = deep[index - 1]
        x = block(x, None)
    expected = text.out_proj(text.ln_final(torch.stack([row[end] for row, end in zip(x, ends, strict=True)])))
    torch.testing.assert_close(text(embeddings, ends, deep), expected, rtol=0, atol=1e-6)
    assert (text(embeddings, ends, deep[:1]) - expected).abs().max() > 1e-2


@torch.no_grad()
def test_visual_prompts_stand_behind_the_patches_and_have_no_position():
    vision = clip.randomise(clip.our_vision())
    prompts, deep = torch.randn(2, 64), [torch.randn(2, 64)]
    clips = torch.randn(2, 3, 4, 32, 32)
    frames = clips.transpose(1, 2).flatten(0, 1)
    patches = vision.patch_embed(frames)[0]
    x = torch.cat([vision.cls_token.expand(8, -1, -1), patches], dim=1) + vision.pos_embed
    x = vision.pre_norm(torch.cat([x, prompts.expand(8, -1, -1)], dim=1))
    for index, block in enumerate(vision.layers):
        if index == 1:
            x[:, -2:] = deep[0]
        x = block(x, None)
    expected = vision.out_proj(vision.ln1(x[:, 0])).unflatten(0, (2, 4))
    torch.testing.assert_close(vision(clips, prompts, deep), expected, rtol=0, atol=1e-6)
    assert vision.embed(frames, 4, prompts)[1].trailing == 2


@pytest.mark.parametrize('call, message', [
    (lambda text, vision: text(torch.zeros(1, 78, 64), torch.zeros(1, dtype=int)), 'at most 77 tokens'),
    (lambda text, vision: text(torch.zeros(1, 9, 32), torch.zeros(1, dtype=int)), r'\(N, L, 64\)'),
    (lambda text, vision: text(torch.zeros(1, 9, 64), torch.zeros(1, dtype=int), torch.zeros(3, 2, 64)),
     'prompt depth 4 is over the 3 blocks of this CLIPTextEncoder'),
    (lambda text, vision: text(torch.zeros(1, 9, 64), torch.zeros(1, dtype=int), torch.zeros(2, 2, 32)),
     r'prompts \(2, 32\) do not fit CLIPTextEncoder: expected \(n, 64\)'),
    (lambda text, vision: vision(IMAGES, torch.zeros(2, 32)), r'prompts \(2, 32\) do not fit AdapterViT'),
    (lambda text, vision: vision(IMAGES, torch.zeros(2, 64), torch.zeros(3, 2, 64)), 'depth 4 is over the 3 blocks'),
    (lambda text, vision: vision(IMAGES, torch.zeros(1, 64), torch.zeros(2, 2, 64)), '2 tokens has 1 places'),
    (lambda text, vision: vision(IMAGES, None, torch.zeros(2, 2, 64)), '2 tokens has 0 places'),
    (lambda text, vision: clip.our_text('ViT-B/8'), "arch='ViT-B/8' is not known: choose one of ViT-B/32"),
    (lambda text, vision: clip.our_text(dict(embed_dims=64)), 'lacks num_layers, num_heads'),
    (lambda text, vision: clip.our_text(None), 'arch=None reads the sizes from a file'),
    (lambda text, vision: clip.our_text(adapters=dict(st=dict(type='STAdapter', slot='before_attn', width=4))),
     'sees patches alone, and CLIPTextEncoder has no patches'),
])
def test_what_does_not_fit_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call(clip.our_text(), clip.our_vision())


def test_adapters_train_alone_and_get_gradients_through_the_frozen_tower():
    ta = dict(type='BottleneckAdapter', slot='ffn_out', blocks='2-3', reduction=8)
    text = clip.our_text(adapters=dict(ta=ta))
    text.train()
    tunable = {name for name, parameter in text.named_parameters() if parameter.requires_grad}
    adapters = 'layers.1.adapters.ta', 'layers.2.adapters.ta'
    assert tunable and all(name.startswith(adapters) for name in tunable)
    assert not text.layers[0].training and text.layers[1].adapters.training
    text.encode_text(tokenize(TEXTS)).square().sum().backward()
    assert all((parameter.grad is not None) == parameter.requires_grad for parameter in text.parameters())
    assert text.layers[1].adapters.ta.up.weight.grad.abs().sum() > 0


def counted(text):
    """The tower with a count of its forward passes."""
    calls, forward = [], text.forward
    text.forward = lambda *args: calls.append(1) or forward(*args)
    return text, calls


def test_features_are_computed_once_until_weights_change():
    text, calls = counted(clip.our_text())
    tokens = tokenize(TEXTS)
    for _ in range(3):
        assert torch.equal(text.cached_text_features(tokens), text.cached_text_features(tokenize(TEXTS)))
    assert len(calls) == 1
    text.cached_text_features(tokens[:2])
    assert len(calls) == 2
    other = clip.randomise(clip.our_text())
    text.load_state_dict(other.state_dict())
    torch.testing.assert_close(text.cached_text_features(tokens), other.encode_text(tokens), rtol=0, atol=1e-6)
    assert len(calls) == 3
    with torch.no_grad():
        text.pos_embed[:, 0, 0] += 1
    text.cached_text_features(tokens)
    assert len(calls) == 4
    # Written past torch's counters, as weight averages are; they are followed by eval().
    text.pos_embed.data.copy_(other.pos_embed)
    text.eval()
    torch.testing.assert_close(text.cached_text_features(tokens), other.encode_text(tokens), rtol=0, atol=1e-6)


def test_a_tower_that_trains_is_computed_at_each_step():
    text, calls = counted(clip.our_text(adapters=dict(ta=dict(type='BottleneckAdapter', slot='ffn_out'))))
    tokens = tokenize(TEXTS)
    assert text.cached_text_features(tokens).requires_grad and text.cached_text_features(tokens).requires_grad
    assert len(calls) == 2
    with torch.no_grad():
        first = text.cached_text_features(tokens)
        assert torch.equal(text.cached_text_features(tokens), first) and len(calls) == 3
        text.layers[0].adapters.ta.up.bias[0] += 1
        assert (text.cached_text_features(tokens) - first).abs().max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize('name', ['ViT-B-32', 'ViT-B-16', 'ViT-L-14'])
@torch.no_grad()
def test_full_towers_equal_open_clips(name):
    """The released sizes, from open_clip's own configs; the largest on pictures of half the side."""
    import open_clip
    torch.manual_seed(0)
    with torch.device('meta'):                  # shapes alone: everything is written below
        sizes = open_clip.get_model_config(name)
        side = sizes['vision_cfg']['image_size'] = 112 if name == 'ViT-L-14' else 224
        theirs = open_clip.model.CLIP(**sizes, quick_gelu=True)
        width, patch = theirs.visual.transformer.width, theirs.visual.conv1.kernel_size[0]
        vision = clip.our_vision('base' if width == 768 else 'large', side, patch, theirs.visual.proj.shape[1])
        text = clip.our_text(name.replace('-', '/').replace('/', '-', 1))
    theirs, vision, text = (model.to_empty(device='cpu').eval() for model in (theirs, vision, text))
    clip.randomise_by_one_draw(theirs)
    theirs.attn_mask = torch.full((77, 77), -torch.inf).triu(1)
    clip.copy_vision(vision, theirs.visual, shared=True)
    clip.copy_text(text, theirs, shared=True)
    images = torch.randn(1, 3, side, side)
    tokens = tokenize(TEXTS[1:])
    ours = vision(images), text.encode_text(tokens)
    expected = theirs.encode_image(images), theirs.encode_text(tokens)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)
    (u, v), (image, words) = ([torch.nn.functional.normalize(x, dim=-1) for x in pair] for pair in (ours, expected))
    torch.testing.assert_close(u @ v.T, image @ words.T, rtol=0, atol=5e-7)
