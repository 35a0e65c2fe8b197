"""Captions that a person should look at, and statistics of their lengths."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .refine import Rules, split_words

KINDS = dict(
    refusal='the model refused', empty='nothing is left of it', too_short='too short', too_long='too long',
    over_tokens="over Long-CLIP's tokens", repetitive='says the same words again and again',
    shared='the same text for many clips', foreign='not English', emotion_words='still names an emotion')
"""Kinds of outliers, in words."""


def outlier_kinds(text: str, rules: Rules, tokens: int) -> list[str]:
    """What is odd about one refined caption; all of :data:`KINDS` but ``refusal`` and ``shared``.

    Args:
        text: the caption.
        rules: its ``limits`` and words.
        tokens: of the text, by the text encoder's tokenizer.
    """
    if not text.strip():
        return ['empty']
    words, limits = split_words(text), rules.limits
    found = dict(
        too_short=len(words) < limits['least_words'], too_long=len(words) > limits['most_words'],
        over_tokens=tokens > limits['most_tokens'], repetitive=_most_repeated(words) >= limits['repeats'],
        foreign=_is_foreign(text, words, rules), emotion_words=bool(rules.feelings.search(text)))
    return [kind for kind, holds in found.items() if holds]


def shared_texts(texts: Mapping[str, str], rules: Rules) -> set[str]:
    """Keys of the captions whose text many clips have."""
    counts = Counter(text for text in texts.values() if text)
    least = max(rules.limits['shared_by'], len(texts) / 100)
    return {key for key, text in texts.items() if text and counts[text] >= least}


def _most_repeated(words: Sequence[str], length: int = 4) -> int:
    return max(Counter(zip(*(words[start:] for start in range(length)))).values(), default=0)


def _is_foreign(text: str, words: Sequence[str], rules: Rules) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum(not letter.isascii() for letter in letters)
    if not letters or foreign > rules.limits['foreign_letters'] * len(letters):
        return True
    common = sum(word in rules.english for word in words)
    return len(words) >= 10 and common < rules.limits['english_share'] * len(words)


def length_statistics(texts: Sequence[str], count_tokens: Callable[[str], int]) -> dict[str, dict[str, float]]:
    """Mean, smallest, median, 95th percentile and largest number of words and tokens; empty texts do not count."""
    texts = [text for text in texts if text]
    statistics = {}
    for name, lengths in (('words', [len(split_words(text)) for text in texts]),
                          ('tokens', [count_tokens(text) for text in texts])):
        values = np.asarray(lengths or [0])
        statistics[name] = dict(mean=round(float(values.mean()), 1), min=int(values.min()),
                                median=float(np.median(values)), p95=float(np.percentile(values, 95)),
                                max=int(values.max()))
    return statistics
