"""A text source, a prompt learner, vision prompts and a reduction of one's own: each one file, named in a config."""
import sys

import pytest
import torch
from mmengine.config import Config

from mmdfer.registry import MODELS

from .clip_models import TEXT

# What a user writes beside a config.
MODULE = '''
import torch
from torch import nn

from mmdfer.registry import PROMPT_LEARNERS, TEXT_REDUCTIONS, TEXT_SOURCES, VISION_PROMPTS
from mmdfer.text import FixedPrompts, Prompts
from mmdfer.text.prompt_parts import VisionPrompts
from mmdfer.text.reductions import TextReduction
from mmdfer.text.sources import EmotionSource


@TEXT_SOURCES.register_module('shouted')
class Shouted(EmotionSource):
    def __init__(self, mark='!'):
        self.mark = mark

    def of_emotion(self, emotion):
        return [emotion.noun.upper() + self.mark]


@PROMPT_LEARNERS.register_module()
class ShiftedTexts(FixedPrompts):
    """One learned vector a class, added to every word of its texts."""
    fixed_texts = False

    def __init__(self, texts, width, scale=1., **kwargs):
        super().__init__(texts, width, **kwargs)
        self.scale, self.shift = scale, nn.Parameter(torch.zeros(len(texts), 1, width))

    def class_axes(self):
        return dict(shift=0)

    def forward(self, tower, features=None):
        words = tower.embed(self.tokens) + self.scale * self.shift[self.owners]
        return Prompts(words, self.ends, [], *self.vision_prompts())


@VISION_PROMPTS.register_module('counting')
class CountingPrompts(VisionPrompts, nn.Module):
    def __init__(self, vision_width, steps, **sizes):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(steps, vision_width))

    def prompts(self, context, deep):
        return self.start + torch.arange(len(self.start))[:, None], []


@TEXT_REDUCTIONS.register_module('worst')
class WorstText(TextReduction):
    one_feature = False

    def similarity(self, cosines, owners, classes):
        worst = cosines.new_full((len(cosines), classes), torch.inf)
        return worst.scatter_reduce(1, owners.expand(len(cosines), -1), cosines, 'amin')
'''
CONFIG = '''
custom_imports = dict(imports=['mmdfer', 'own_texts'])
head = dict(type='CLIPTextHead', num_classes=3, texts=dict(classes=['fear', 'happy', 'anger_disgust'], source={source}),
            {settings})
'''


@pytest.fixture(scope='module')
def build(tmp_path_factory):
    """A head from a config file that imports the module beside it."""
    folder = tmp_path_factory.mktemp('own')
    (folder / 'own_texts.py').write_text(MODULE)
    sys.path.insert(0, str(folder))

    def made(settings='', source="'noun'"):
        (folder / 'config.py').write_text(CONFIG.format(settings=settings, source=source))
        torch.manual_seed(0)
        head = MODELS.build(dict(Config.fromfile(folder / 'config.py').head,
                                 text_encoder=dict(type='CLIPTextEncoder', arch=TEXT)))
        head.init_weights()
        return head
    yield made
    sys.path.remove(str(folder))


@torch.no_grad()
def test_a_source_of_ones_own_gives_the_texts(build):
    own, plain = build(source="dict(type='shouted', mark='?')"), build()
    told = ['FEAR?', 'HAPPINESS?', 'ANGER? and DISGUST?']
    from mmdfer.text import tokenize
    features = own.text_encoder.encode_text(tokenize(told))
    torch.testing.assert_close(own.text_features(), torch.nn.functional.normalize(features, dim=-1))
    assert (own.text_features() - plain.text_features()).abs().max() > 1e-3


def test_a_prompt_learner_of_ones_own_trains(build):
    head, plain = build("prompts=dict(type='ShiftedTexts', scale=2.)"), build()
    x = torch.randn(4, 32)
    torch.testing.assert_close(head(x), plain(x))                       # starts from the texts as they are
    torch.nn.functional.cross_entropy(head(x), torch.tensor([0, 1, 2, 0])).backward()
    shift = head.prompt_learner.shift
    assert all(shift.grad[k].abs().max() > 0 for k in range(3)) and head.prompt_learner.class_axes() == dict(shift=0)
    with torch.no_grad():
        shift[1].normal_()
    moved = (head(x) - plain(x)).abs().amax(0)
    assert moved[1] > 1e-3 and moved[0] < 1e-5 and moved[2] < 1e-5


def test_vision_prompts_of_ones_own_reach_the_image_tower(build):
    head = build("vision_width=5, prompts=dict(vision=dict(type='counting', steps=3))")
    prompts, deep = head.vision_prompts()
    torch.testing.assert_close(prompts, torch.arange(3.)[:, None].expand(3, 5))
    assert deep == [] and 'prompt_learner.vision.start' in dict(head.named_parameters())


@torch.no_grad()
def test_a_reduction_of_ones_own_counts(build):
    source, x = "'descriptions'", torch.nn.functional.normalize(torch.randn(5, 32), dim=-1)
    worst, best = build("reduce='worst'", source), build("reduce='max'", source)
    cosines = x @ worst.text_features().T
    expected = torch.stack([of.amin(1) for of in cosines.split(cosines.shape[1] // 3, dim=1)], 1)
    torch.testing.assert_close(worst.similarity(x), expected)
    assert (best.similarity(x) > worst.similarity(x)).all()


@pytest.mark.parametrize('settings, told', [
    ("prompts=dict(type='ShiftedText')", "prompts: type='ShiftedText' is not known: did you mean 'ShiftedTexts'"),
    ("reduce='maximum'", "reduce='maximum' is not known: did you mean 'max'"),
    ("prompts=dict(context=2, position='midle')", "prompts: position='midle' is not known: did you mean 'middle'"),
    ("vision_width=5, prompts=dict(vision='counted')",
     "prompts: vision='counted' is not known: did you mean 'coupled' or 'counting'"),
])
def test_a_name_that_does_not_exist_gets_the_nearest(build, settings, told):
    with pytest.raises(ValueError, match=told):
        build(settings)
