"""What is said of each class: a source of texts, put into templates."""
from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ..registry import TEXT_SOURCES, class_names, nearest
from .sources import OwnFile

# Ensembles of templates by name, for ``templates='faces'``; {} is the class text.
TEMPLATES = {
    'faces': ('a photo of a face with an expression of {}.', 'a frame of a video of a person who shows {}.',
              'an expression of {}.', 'a close-up of a face full of {}.', 'a person in a film who feels {}.'),
}


def class_texts(dataset: str | None = None, source: str | dict = 'noun', templates: str | Sequence[str] = ('{}', ),
                file: str | None = None, classes: Sequence[str] | None = None) -> list[list[str]]:
    """Texts of each class, in the order of ``classes``.

    Args:
        dataset: short name of a set whose classes these are, in its canonical order; not needed with ``classes``.
        source: what is told of a class, by a name in ``TEXT_SOURCES``: its emotion's ``'noun'`` ("anger") or
            ``'adjective'`` ("angry"), the names of its ``'action_units'``, the two as ``'noun_and_action_units'``,
            several ``'descriptions'`` of the face, one ``'class_description'`` of it as EmoCLIP has them; or
            ``dict(type=..., ...)`` for a source with settings.
        templates: sentences with ``{}`` for the class text, or the name of an ensemble (``'faces'``).
        file: a YAML or JSON file of one's own instead, that maps each class name to a text, a list of texts,
            or to a mapping with ``source`` as a key.
        classes: names of the classes. A run fills them in from its data (:func:`mmdfer.run_config.flow_classes`).
            A file may hold other classes, too.

    Returns:
        For each class its texts, every one in every template.

    Raises:
        ValueError: for an unknown set, source or template, and a file that lacks classes or has others.
    """
    names = tuple(classes) if classes is not None else class_names(_required(dataset))
    told = OwnFile(file, cast(str, source)) if file is not None else build_source(source)
    if file is not None and classes is None:
        _check_file(told, names)
    sentences = _templates(templates)
    return [[sentence.replace('{}', text) for text in told(name) for sentence in sentences] for name in names]


def build_source(source: str | dict):
    """A source by its name, or by its name and settings.

    Raises:
        ValueError: for a source that is not registered.
    """
    settings = dict(source) if isinstance(source, dict) else dict(type=source)
    return TEXT_SOURCES.find(settings.pop('type', None), 'texts: source')(**settings)


def _required(dataset: str | None) -> str:
    if dataset is None:
        raise ValueError('texts: of which classes? They come from the data of a run, by '
                         'mmdfer.run_config.flow_classes(cfg); without data give classes=[...], or the short name of a '
                         'set, such as dataset="dfew"')
    return dataset


def _check_file(file: OwnFile, names: Sequence[str]) -> None:
    """Hold a file of a named set's texts against all of the set's classes."""
    places = {name: file.find(name) for name in names}
    missing = [name for name in names if places[name] is None]
    extra = [name for name in file.content if name not in places.values()]
    if missing or extra:
        told = [f'{word} {", ".join(map(str, which))}' for word, which in (('lacks', missing), ('has', extra)) if which]
        raise ValueError(f'texts: {file.path}: {" and ".join(told)}; expected a mapping of the classes '
                         f'{", ".join(names)} to texts')


def _templates(templates: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(templates, str):
        templates = TEMPLATES.get(templates, (templates, ))
    missing = [sentence for sentence in templates if '{}' not in sentence]
    if missing or not templates:
        raise ValueError(f'texts: templates={list(templates)}: each needs {{}} for the class text, or name an '
                         f'ensemble; {nearest(missing[0] if missing else "", TEMPLATES)}')
    return tuple(templates)
