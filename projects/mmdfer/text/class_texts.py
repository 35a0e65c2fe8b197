"""What is said of each class: names, templates, action units, descriptions, or a user's own file."""
from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import yaml

from ..labels import EMOTIONS, Emotion, find_emotions, listed
from ..registry import class_names

EMOTIONS_FILE = Path(__file__).with_name('emotions.yaml')
SOURCES = ('noun', 'adjective', 'action_units', 'descriptions')

# Ensembles of templates by name, for ``templates='faces'``; {} is the class text.
TEMPLATES = {
    'faces': ('a photo of a face with an expression of {}.', 'a frame of a video of a person who shows {}.',
              'an expression of {}.', 'a close-up of a face full of {}.', 'a person in a film who feels {}.'),
}


def class_texts(dataset: str | None = None, source: str = 'noun', templates: str | Sequence[str] = ('{}', ),
                file: str | None = None, classes: Sequence[str] | None = None) -> list[list[str]]:
    """Texts of each class, in the set's canonical order.

    Args:
        dataset: a set that :mod:`mmdfer.labels` knows; ``None`` with ``classes``.
        source: what of an emotion is told: its ``'noun'`` ("anger") or ``'adjective'`` ("angry"), the names
            of its ``'action_units'``, or several ``'descriptions'`` of the face.
        templates: sentences with ``{}`` for the class text, or the name of an ensemble (``'faces'``).
        file: a YAML or JSON file of one's own instead, that maps each class name to a text, a list of texts,
            or to a mapping with ``source`` as a key.
        classes: class names of a set that is not known here; needs ``file`` unless they are emotions. A file may
            then hold other classes, too.

    Returns:
        For each class its texts, every one in every template.

    Raises:
        ValueError: for an unknown set, source or template, and a file that lacks classes or has others.
    """
    if source not in SOURCES and file is None:
        raise ValueError(f'texts: source={source!r} is not known: choose one of {", ".join(SOURCES)}, or give a file')
    names = tuple(classes) if classes is not None else class_names(_required(dataset))
    if file is not None:
        told = _read_own(file, names, source, classes is not None)
    else:
        told = [_of_emotions(name, source) for name in names]
    sentences = _templates(templates)
    return [[sentence.replace('{}', text) for text in texts for sentence in sentences] for texts in told]


def _required(dataset: str | None) -> str:
    if dataset is None:
        raise ValueError('texts: give dataset, such as dataset="dfew", or the names of the classes')
    return dataset


def _templates(templates: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(templates, str):
        templates = TEMPLATES.get(templates, (templates, ))
    missing = [sentence for sentence in templates if '{}' not in sentence]
    if missing or not templates:
        raise ValueError(f'texts: templates={list(templates)}: each needs {{}} for the class text, or name an ensemble '
                         f'({", ".join(TEMPLATES)})')
    return tuple(templates)


@lru_cache(maxsize=None)
def _emotion_texts() -> dict:
    return yaml.safe_load(EMOTIONS_FILE.read_text(encoding='utf-8'))


def _of_emotions(name: str, source: str) -> list[str]:
    """Texts of a class by the emotions it stands for; those of a compound class are joined, as in "fear and sadness"."""
    told = [_of_emotion(emotion.noun, source) for emotion in _emotions(name)]
    if len(told) == 1:
        return told[0]
    join = ', '.join if source == 'action_units' else listed
    return [join(parts) for parts in zip(*told)]


def _emotions(name: str) -> Sequence[Emotion]:
    emotions = find_emotions(name)
    if emotions is None:
        raise ValueError(f'texts: class {name!r} is no emotion known here ({", ".join(EMOTIONS)}): give its texts in a '
                         'file')
    return emotions


def _of_emotion(emotion: str, source: str) -> list[str]:
    if source in ('noun', 'adjective'):
        return [getattr(EMOTIONS[emotion], source)]
    texts = _emotion_texts()[emotion][source]
    return [texts] if isinstance(texts, str) else list(texts)


def _read_own(path: str, names: Sequence[str], source: str, more: bool = False) -> list[list[str]]:
    expected = f'expected a mapping of the classes {", ".join(names)} to texts'
    try:
        text = Path(path).read_text(encoding='utf-8-sig')
        content = json.loads(text) if path.endswith('.json') else yaml.safe_load(text)
    except OSError as error:
        raise ValueError(f'texts: {path}: cannot be read ({error.strerror}); {expected}') from None
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f'texts: {path}: is no YAML or JSON ({str(error).splitlines()[0]}); {expected}') from None
    if not isinstance(content, dict):
        raise ValueError(f'texts: {path}: {expected}')
    missing = [name for name in names if name not in content]
    extra = [name for name in content if name not in names and not more]
    if missing or extra:
        told = [f'{word} {", ".join(map(str, which))}' for word, which in (('lacks', missing), ('has', extra)) if which]
        raise ValueError(f'texts: {path}: {" and ".join(told)}; {expected}')
    return [_own_texts(path, name, content[name], source) for name in names]


def _own_texts(path: str, name: str, value, source: str) -> list[str]:
    if isinstance(value, dict):
        if source not in value:
            raise ValueError(f'texts: {path}: {name} has no {source!r}, only {", ".join(map(str, value))}; set source to '
                             'one of them')
        value = value[source]
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError(f'texts: {path}: {name} needs a text or a list of texts, got {value!r}')
    return texts
