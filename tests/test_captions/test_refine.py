"""Awkward captions become the expected texts, and what rules cannot mend is listed."""
from pathlib import Path

import pytest
import yaml

from mmdfer.captions.outliers import length_statistics, outlier_kinds, shared_texts
from mmdfer.captions.refine import RULES, Rules, refine_text
from mmdfer.labels import EMOTIONS
from mmdfer.text.tokenizer import count_tokens

AWKWARD = yaml.safe_load(Path(__file__).with_name('awkward.yaml').read_text(encoding='utf-8'))


@pytest.fixture(scope='module')
def rules():
    return Rules()


def test_there_are_forty_awkward_captions():
    assert len({before for before, _ in AWKWARD}) >= 40


@pytest.mark.parametrize('before, after', AWKWARD)
def test_awkward_captions(rules, before, after):
    assert refine_text(before, rules)[0] == after


@pytest.mark.parametrize('after', sorted({after for _, after in AWKWARD}))
def test_refining_again_changes_nothing(rules, after):
    assert refine_text(after, rules) == (after, [])


@pytest.mark.parametrize('emotion', EMOTIONS)
def test_every_label_is_taken_out_or_told(rules, emotion):
    noun, adjective = EMOTIONS[emotion].noun, EMOTIONS[emotion].adjective
    for text in (f'The brows move with a {adjective} look.', f'A {adjective} face nods.',
                 f'{noun.capitalize()} is seen.',
                 f'The lips part out of {noun}.', f'He nods and remains {adjective} as the jaw drops.'):
        refined, _ = refine_text(text, rules)
        named = any(word in refined.lower().split() for word in (noun, adjective, f'{adjective}.'))
        assert not named or 'emotion_words' in outlier_kinds(refined, rules, 10)
        assert 'with.' not in refined and 'of.' not in refined


@pytest.mark.parametrize('text, rule', [
    ('I cannot see the frames.', 'refusals'), ('Answer: the lips part.', 'wrapping'),
    ('Overall, the lips part.', 'openings'),
    ('She is sad. The lips part.', 'sentences'), ('The lips part in surprise.', 'phrases'),
    ('A sad face nods slowly.', 'emotion_words'), ('The lips part. The lips part.', 'duplicates'),
    ('The lips part. Then the', 'fragments'), ('the lips part.', 'tidied')])
def test_changes_are_named(rules, text, rule):
    assert refine_text(text, rules)[1] == [rule]


@pytest.mark.parametrize('text, tokens, kinds', [
    ('The brows rise and the jaw drops.', 9, []), ('', 2, ['empty']), ('The jaw drops.', 5, ['too_short']),
    ('The brows rise and the jaw drops.', 249, ['over_tokens']), ('The brows rise and the jaw drops.', 248, []),
    (' '.join(f'word{index} the' for index in range(61)), 130, ['too_long']),
    ('The left brow rises and the left brow rises and the left brow rises.', 16, ['repetitive']),
    ('眉毛上扬 嘴巴 张开 眼睛 睁大', 30, ['foreign']),
    ("La bouche s'ouvre et les sourcils montent vers le haut du front.", 20, ['foreign']),
    ('The brows rise and there is joy.', 9, ['emotion_words'])])
def test_kinds_of_outliers(rules, text, tokens, kinds):
    assert outlier_kinds(text, rules, tokens) == kinds


def test_one_text_for_many_clips_is_told(rules):
    texts = {str(index): f'text {index}' for index in range(95)}
    texts |= {f'same {index}': 'The lips part.' for index in range(5)}
    assert shared_texts(texts, rules) == {f'same {index}' for index in range(5)}
    texts.pop('same 0')
    assert not shared_texts(texts, rules)


def test_lengths_are_those_of_words_and_clip_tokens():
    found = length_statistics(['The lips part.', 'a b c d e', ''], count_tokens)
    assert found['words'] == dict(mean=4.0, min=3, median=4.0, p95=4.9, max=5)
    assert (found['tokens']['min'], found['tokens']['max']) == (6, 7)       # words, a full stop, start and end


@pytest.mark.parametrize('change, message', [
    (('english: [', 'english: [yes, '), "english: True is no word; put it in quotes"),
    (('refusals:', 'refusal:'), 'the rules lack refusals'),
    (('refusals:\n', 'refusals:\n  - "(open"\n'), r"refusals: '\(open' is no regular expression"),
    (('nouns: [', 'nouns: ['), None)])
def test_bad_rules_are_named(tmp_path, change, message):
    path = tmp_path / 'rules.yaml'
    path.write_text(RULES.read_text(encoding='utf-8').replace(*change), encoding='utf-8')
    if message is None:
        assert Rules(path).limits['most_tokens'] == 248
        return
    with pytest.raises(ValueError, match=message):
        Rules(path)
    with pytest.raises(ValueError, match='no-rules.yaml: the rules cannot be read'):
        Rules(tmp_path / 'no-rules.yaml')
