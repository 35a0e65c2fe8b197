"""Where the texts of a class come from: what is known of its emotion, or a file of one's own."""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import yaml

from ..labels import EMOTIONS, Emotion, find_emotion, find_emotions, listed
from ..registry import TEXT_SOURCES, nearest

EMOTIONS_FILE = Path(__file__).with_name('emotions.yaml')


class EmotionSource:
    """Texts of a class by the emotions that its name stands for; a source of one's own gives :meth:`of_emotion`.

    Calling it with a class name gives the class's texts. A compound class, such as ``fear_sadness``, has as many
    as each of its emotions, its k-th being their k-th ones under :attr:`join`.
    """
    join: Callable[[Sequence[str]], str] = staticmethod(listed)

    def __call__(self, name: str) -> list[str]:
        told = [self.of_emotion(emotion) for emotion in emotions_of(name)]
        return told[0] if len(told) == 1 else [self.join(parts) for parts in zip(*told, strict=False)]

    def of_emotion(self, emotion: Emotion) -> list[str]:
        """Texts of a single emotion."""
        raise NotImplementedError


@TEXT_SOURCES.register_module('noun')
class Nouns(EmotionSource):
    """The emotion's noun: "anger"."""

    def of_emotion(self, emotion: Emotion) -> list[str]:
        return [emotion.noun]


@TEXT_SOURCES.register_module('adjective')
class Adjectives(EmotionSource):
    """The emotion's adjective: "angry"."""

    def of_emotion(self, emotion: Emotion) -> list[str]:
        return [emotion.adjective]


@TEXT_SOURCES.register_module('action_units')
class ActionUnits(EmotionSource):
    """Names of the emotion's facial action units in one text (PE-CLIP): "Cheek Raiser, Lip Corner Puller"."""
    join = staticmethod(', '.join)

    def of_emotion(self, emotion: Emotion) -> list[str]:
        return [_told(emotion)['action_units']]


@TEXT_SOURCES.register_module('noun_and_action_units')
class NounAndActionUnits(ActionUnits):
    """The emotion's noun and its action units, after DK-CLIP: "happiness with cheek raiser, lip corner puller".

    The units are PE-CLIP's; DK-CLIP's own lists of them can be read from a file.
    """

    def of_emotion(self, emotion: Emotion) -> list[str]:
        return [f'{emotion.noun} with {units.lower()}' for units in super().of_emotion(emotion)]


@TEXT_SOURCES.register_module('class_description')
class ClassDescription(EmotionSource):
    """The emotion with what its face does, in one text, after EmoCLIP: "surprise, in which the brows are ...".

    Meant for the template ``'An expression of {}.'``; words are ours, EmoCLIP's own can be read from a file.
    """

    def of_emotion(self, emotion: Emotion) -> list[str]:
        return [f'{emotion.noun}, in which {_told(emotion)["class_description"]}']


@TEXT_SOURCES.register_module('descriptions')
class Descriptions(EmotionSource):
    """Several sentences of what the face does."""

    def of_emotion(self, emotion: Emotion) -> list[str]:
        return list(_told(emotion)['descriptions'])


@TEXT_SOURCES.register_module('file')
class OwnFile:
    """Texts of a file of one's own: YAML or JSON that maps each class to a text, a list of texts, or a mapping.

    A class is looked up by its name and, where the file lacks that, by its emotion: what a file says of
    ``happiness`` serves a class ``happy`` too.

    Args:
        path: the file; it may hold more classes than are asked for.
        key: which entry of a mapping to take.

    Raises:
        ValueError: for a file that is no such mapping.
    """

    def __init__(self, path: str, key: str = 'noun') -> None:
        self.path, self.key = path, key
        expected = 'expected a mapping of class names to texts'
        try:
            text = Path(path).read_text(encoding='utf-8-sig')
            content = json.loads(text) if str(path).endswith('.json') else yaml.safe_load(text)
        except OSError as error:
            raise ValueError(f'texts: {path}: cannot be read ({error.strerror}); {expected}') from None
        except (ValueError, yaml.YAMLError) as error:
            raise ValueError(f'texts: {path}: is no YAML or JSON ({str(error).splitlines()[0]}); {expected}') from None
        if not isinstance(content, dict):
            raise ValueError(f'texts: {path}: {expected}')
        self.content = content

    def __call__(self, name: str) -> list[str]:
        place = self.find(name)
        if place is None:
            raise ValueError(f'texts: {self.path}: lacks {name}: {nearest(name, map(str, self.content))}')
        value = self.content[place]
        if isinstance(value, dict):
            if self.key not in value:
                raise ValueError(f'texts: {self.path}: {place} has no {self.key!r}, only {", ".join(map(str, value))}; '
                                 'set source to one of them')
            value = value[self.key]
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not texts or not all(map(_is_text, texts)):
            raise ValueError(f'texts: {self.path}: {place} needs a text or a list of texts, got {value!r}')
        return texts

    def find(self, name: str) -> str | None:
        """Under which key the file tells of a class."""
        emotion = find_emotion(name)
        alike = [key for key in self.content if emotion is not None and find_emotion(str(key)) == emotion]
        return name if name in self.content else alike[0] if len(alike) == 1 else None


def _is_text(value) -> bool:
    return isinstance(value, str) and bool(value.strip())


def emotions_of(name: str) -> list[Emotion]:
    """The single emotions that a class name stands for: one, or those of a compound.

    Raises:
        ValueError: for a class that is no emotion.
    """
    found = find_emotions(name)
    if found is None:
        raise ValueError(f'texts: class {name!r} is no emotion known here ({", ".join(EMOTIONS)}): give its texts in a '
                         'file')
    return list(found)


@cache
def _emotion_texts() -> dict:
    return yaml.safe_load(EMOTIONS_FILE.read_text(encoding='utf-8'))


def _told(emotion: Emotion) -> dict:
    return _emotion_texts()[emotion.noun]
