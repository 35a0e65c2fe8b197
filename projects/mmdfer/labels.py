"""The one vocabulary: emotions, their words, colours and short names.

Data sets name their classes in words of this vocabulary, or say which emotion a class stands for
(:mod:`mmdfer.datasets.declaration`); texts, plots and lists of other orders find the emotion by the class's name.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

UNKNOWN_COLOUR = '#555555'


@dataclass(frozen=True)
class Emotion:
    """One emotion or several at once: noun, the adjective of "a person who looks ...", plot colour, short name."""
    noun: str
    adjective: str
    colour: str
    short: str

    @property
    def sentence(self) -> str:
        """The emotion as a caption, for text encoders."""
        return f'A person with an expression of {self.noun}.'


# Short names are those of MAFW's paper. The colours lie at least 20 apart (CIE76) for normal sight and for people who
# lack one kind of cones, so that any two classes are told apart, and none is lost on a white or a black page.
EMOTIONS = {
    'happiness': Emotion('happiness', 'happy', '#fcc407', 'HA'),
    'sadness': Emotion('sadness', 'sad', '#0a60c1', 'SA'),
    'neutral': Emotion('neutral', 'neutral', '#b5afa9', 'NE'),
    'anger': Emotion('anger', 'angry', '#ca1507', 'AN'),
    'surprise': Emotion('surprise', 'surprised', '#ee933f', 'SU'),
    'disgust': Emotion('disgust', 'disgusted', '#749f64', 'DI'),
    'fear': Emotion('fear', 'fearful', '#5b4b8a', 'FE'),
    'contempt': Emotion('contempt', 'contemptuous', '#6c4f38', 'CO'),
    'anxiety': Emotion('anxiety', 'anxious', '#36d9f0', 'AX'),
    'helplessness': Emotion('helplessness', 'helpless', '#639de6', 'HL'),
    'disappointment': Emotion('disappointment', 'disappointed', '#b772a5', 'DS'),
}

# Every word for an emotion, in lower case: nouns and adjectives, and what data sets call it (add_words).
_WORDS = {word: name for name, emotion in EMOTIONS.items() for word in (emotion.noun, emotion.adjective)}


def find_emotion(name: str) -> Emotion | None:
    """The emotion that a class name stands for, in any case: ``happy`` as well as ``Happiness``.

    A compound joins its parts by ``_``; its emotion joins their words, and its colour is their mean.

    Returns:
        ``None`` for a name that stands for no emotion known here.
    """
    parts = find_emotions(name)
    if parts is None or len(parts) == 1:
        return parts and parts[0]
    channels = [[int(part.colour[place:place + 2], 16) for part in parts] for place in (1, 3, 5)]
    colour = '#' + ''.join(f'{round(sum(values) / len(values)):02x}' for values in channels)
    return Emotion(listed([part.noun for part in parts]), listed([part.adjective for part in parts]), colour,
                   '+'.join(part.short for part in parts))


def find_emotions(name: str) -> tuple[Emotion, ...] | None:
    """The single emotions that a class name stands for: one, or the parts of a compound; ``None`` as above."""
    key = name.strip().lower()
    keys = [_WORDS.get(key)] if key in _WORDS else [_WORDS.get(part) for part in key.split('_')]
    return None if None in keys else tuple(EMOTIONS[key] for key in keys)


def add_words(words: Mapping[str, str]) -> None:
    """Let names of classes that are no words for emotions stand for one, such as ``{'joyful': 'happiness'}``.

    Raises:
        ValueError: for an emotion that is not known, or a word that stands for another one already.
    """
    for word, meaning in words.items():
        key = _WORDS.get(meaning.strip().lower())
        if key is None:
            raise ValueError(f'{word!r}: {meaning!r} is no emotion known here; choose one of {", ".join(EMOTIONS)}')
        known = _WORDS.setdefault(word.strip().lower(), key)
        if known != key:
            raise ValueError(f'{word!r}: stands for {known} already, and cannot stand for {meaning} too')


def class_colours(names: Sequence[str]) -> list[str]:
    """A plot colour for each class name, the same for the same emotion in every set; grey for unknown names."""
    emotions = map(find_emotion, names)
    return [UNKNOWN_COLOUR if emotion is None else emotion.colour for emotion in emotions]


def listed(words: Sequence[str]) -> str:
    """Two words or more as "a, b and c"."""
    return f"{', '.join(words[:-1])} and {words[-1]}"
