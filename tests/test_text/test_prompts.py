"""Prompt learners: where tokens stand, how many parameters there are, and what the towers make of them."""
import pytest
import torch

from mmdfer.text import PromptLearner, tokenize
from mmdfer.text.tokenizer import end_positions

from . import clip_models as clip

TEXTS = [['happy'], ['very sad indeed']]


def learner(**kwargs):
    torch.manual_seed(0)
    return PromptLearner(kwargs.pop('texts', TEXTS), clip.TEXT['embed_dims'],
                         **dict(dict(vision_width=clip.VISION['embed_dims']), **kwargs))


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize('depth, expected', [(9, 3_555_072), (1, 395_008)])
def test_maple_has_the_papers_parameters(depth, expected):
    assert count(PromptLearner(TEXTS, 512, vision_width=768, context=2, depth=depth, vision='coupled')) == expected


@pytest.mark.parametrize('widths', [(512, 768), (768, 1024)])
def test_maple_takes_any_widths(widths):
    n, depth, (text, image) = 3, 4, widths
    expected = n * text + depth * (text * image + image) + (depth - 1) * n * text
    assert count(PromptLearner(TEXTS, text, vision_width=image, context=n, depth=depth, vision='coupled')) == expected


@torch.no_grad()
def test_without_a_context_the_texts_are_themselves():
    tower, prompts = clip.our_text(), learner()
    made = prompts(tower)
    expected = tower.encode_text(tokenize([text for of in TEXTS for text in of]))
    torch.testing.assert_close(tower(made.embeddings, made.ends, made.deep), expected)
    assert count(prompts) == 0 and made.vision is None


@pytest.mark.parametrize('position, layout', [
    ('end', ['sos', 'c0', 'c1', 'c2', 'w', 'eot']),
    ('middle', ['sos', 'c0', 'c1', 'w', 'c2', 'eot']),
    ('front', ['sos', 'w', 'c0', 'c1', 'c2', 'eot']),
])
@torch.no_grad()
def test_context_stands_where_it_should(position, layout):
    tower, prompts = clip.our_text(), learner(texts=[['happy'], ['sad']], context=3, position=position)
    made, tokens = prompts(tower), tokenize(['happy', 'sad'])
    for row, words, end in zip(made.embeddings, tower.embed(tokens), made.ends, strict=True):
        known = dict(sos=words[0], w=words[1], eot=words[2], **{f'c{i}': prompts.ctx[i] for i in range(3)})
        torch.testing.assert_close(row[:6], torch.stack([known[name] for name in layout]))
        assert end == layout.index('eot')


@torch.no_grad()
def test_a_context_of_words_equals_the_sentence():
    tower, prompts = clip.our_text(), learner(context=4, init='a photo of a')
    prompts.start_from_words(tower)
    made = prompts(tower)
    expected = tower.encode_text(tokenize([f'a photo of a {text}' for of in TEXTS for text in of]))
    torch.testing.assert_close(tower(made.embeddings, made.ends), expected, rtol=0, atol=1e-5)


def test_class_specific_contexts_train_apart():
    tower, prompts = clip.our_text(), learner(texts=[['a', 'b c'], ['d']], context=2, class_specific=True)
    made = prompts(tower)
    tower(made.embeddings, made.ends)[2].sum().backward()              # the second class's only text
    assert prompts.ctx.shape[0] == 2
    assert prompts.ctx.grad[0].abs().max() == 0 and prompts.ctx.grad[1].abs().max() > 0


@torch.no_grad()
def test_conditioning_is_each_clips_own():
    tower, prompts = clip.our_text(), learner(context=2, conditional=True, feature_width=32)
    clips = torch.randn(3, 32)
    made = prompts(tower, clips)
    together = tower(made.embeddings, made.ends).unflatten(0, (3, 2))
    for index in range(3):
        alone = prompts(tower, clips[index:index + 1])
        torch.testing.assert_close(tower(alone.embeddings, alone.ends), together[index], rtol=0, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-4


def slow_text_tower(tower, embeddings, ends, deep, n):
    """MaPLe's text side, block by block, with outputs of prompts replaced by the next prompts."""
    x = embeddings + tower.pos_embed[:, :embeddings.shape[1]]
    mask = torch.full((x.shape[1], x.shape[1]), float('-inf')).triu(1)
    for index, block in enumerate(tower.layers):
        if 0 < index <= len(deep):
            x = torch.cat([x[:, :1], deep[index - 1].expand(len(x), -1, -1), x[:, 1 + n:]], 1)
        heads, dim = block.attn.num_heads, block.attn.head_dims
        q, k, v = block.attn.qkv(block.ln1(x)).unflatten(-1, (3, heads, dim)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) / dim**0.5 + mask).softmax(-1)
        x = x + block.attn.proj((weights @ v).transpose(1, 2).flatten(2))
        h = block.ffn.layers[0][0](block.ln2(x))
        x = x + block.ffn.layers[1](h * torch.sigmoid(1.702 * h))
    return tower.out_proj(tower.ln_final(x[torch.arange(len(x)), ends]))


@torch.no_grad()
def test_deep_text_prompts_replace_the_last_ones():
    tower, prompts = clip.our_text(), learner(context=2, depth=3, vision='coupled')
    made = prompts(tower)
    assert len(made.deep) == len(made.deep_vision) == 2 and made.vision.shape == (2, clip.VISION['embed_dims'])
    torch.testing.assert_close(tower(made.embeddings, made.ends, made.deep),
                               slow_text_tower(tower, made.embeddings, made.ends, made.deep, 2), rtol=0, atol=1e-5)
    assert (tower(made.embeddings, made.ends, made.deep) - tower(made.embeddings, made.ends)).abs().max() > 1e-3


@pytest.mark.parametrize('kwargs, told', [
    (dict(position='top'), 'position='),
    (dict(vision='deep'), 'vision='),
    (dict(depth=3), 'set context'),
    (dict(context=2, depth=2, class_specific=True), 'class_specific=False'),
    (dict(vision='own'), 'needs vision_context'),
    (dict(context=2, vision='coupled', vision_width=None), 'need vision_width'),
    (dict(context=2, conditional=True), 'feature_width'),
    (dict(context=76), 'no room'),
    (dict(context=70, texts=[['a text that has rather many words']]), 'tokens'),
])
def test_settings_that_do_not_fit_are_named(kwargs, told):
    with pytest.raises(ValueError, match=told):
        learner(**kwargs)


def test_words_of_another_number_than_the_context_are_refused():
    with pytest.raises(ValueError, match='has 4 tokens, context=3'):
        learner(context=3, init='a photo of a').start_from_words(clip.our_text())


def test_more_depth_than_layers_is_refused():
    tower, prompts = clip.our_text(), learner(context=2, depth=4)
    made = prompts(tower)
    with pytest.raises(ValueError, match='prompt depth 4 is over the 3 blocks'):
        tower(made.embeddings, made.ends, made.deep)
    assert end_positions(tokenize('happy')) == 2
