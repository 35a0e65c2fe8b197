"""What a data set says of itself, once; labels, dialects, checks, packs, maps, captions and tools go by it."""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..labels import add_words
from .errors import DatasetError


@dataclass(frozen=True)
class Setup:
    """One way in which a set's clips are divided into its splits: a fold, a scene, all of them.

    Args:
        name: as reports call it.
        options: the arguments of the set's class that choose it.
        group: setups of one group cover the set together; those of other groups than ``''`` may be absent from a copy.
        lacks_classes: whether its lists may lack classes.
        with_captions: whether its lists hold captions.
        part_of: name of the setup that all of its group make up together.
    """
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    group: str = ''
    lacks_classes: bool = False
    with_captions: bool = False
    part_of: str = ''


class DeclaredSet:
    """A data set that says of itself what others need to know.

    A subclass states what holds for it; a declaration that contradicts itself is refused when the class is defined.

    Attributes:
        METAINFO: ``dataset``, the set's short name, and ``classes``, their names in canonical order. A set without
            ``classes`` takes them from the copy.
        TITLE: its name in reports; the short name in capitals by default.
        SPLITS: its lists; the last one is tested.
        FOLDS: numbers of a cross-validation; none for a set with one split.
        ORDERS: by name, the orders of classes that lists of numbers are known to have. By default the canonical one
            alone; where several are named, something else must say which one a list has.
        EMOTIONS: the emotion that a class stands for, for names that :func:`~mmdfer.labels.find_emotion` does not know.
        FOLDERS: folders of the clips below the set's own: the usual one, then others that hold the same clips.
        FRAMES: frames of every clip in a folder of :attr:`FOLDERS`, where all have as many.
        SIZES: published clips of each split, by setup: ``{'fold 1': dict(train=9356, test=2341)}``.
        CLASS_SIZES: the same, clips of each class in canonical order: ``{('fold 1', 'train'): (1956, ...)}``.
        TOTAL: published clips of all lists together.
        BESIDE: short name of the set whose copy and clips this one shares.

    Raises:
        DatasetError: for a contradiction; it names class and attribute.
    """
    METAINFO: ClassVar[dict] = {}
    TITLE: ClassVar[str] = ''
    SPLITS: ClassVar[tuple[str, ...]] = ('train', 'test')
    FOLDS: ClassVar[tuple[int, ...]] = ()
    ORDERS: ClassVar[Mapping[str, Sequence[str]]] = {}
    EMOTIONS: ClassVar[Mapping[str, str]] = {}
    FOLDERS: ClassVar[tuple[str, ...]] = ('', )
    FRAMES: ClassVar[Mapping[str, int]] = {}
    SIZES: ClassVar[Mapping[str, Mapping[str, int]]] = {}
    CLASS_SIZES: ClassVar[Mapping[tuple[str, str], Sequence[int]]] = {}
    TOTAL: ClassVar[int | None] = None
    BESIDE: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.METAINFO:
            cls.check_declaration()

    def samples_of(self) -> str:
        """The set that the samples are of: lists that lie in another set's copy name that one's clips."""
        name = (getattr(self, 'metainfo', None) or self.METAINFO)['dataset']
        return self.BESIDE if self.BESIDE and name == self.METAINFO['dataset'] else name

    @classmethod
    def title(cls) -> str:
        """The set's name in reports."""
        return cls.TITLE or cls.METAINFO['dataset'].upper()

    @classmethod
    def class_orders(cls) -> dict[str, tuple[str, ...]]:
        """:attr:`ORDERS`, or the canonical one alone."""
        return {name: tuple(order)
                for name, order in cls.ORDERS.items()} or dict(canonical=tuple(cls.METAINFO['classes']))

    @classmethod
    def setups(cls, root: str | None = None) -> list[Setup]:
        """The ways in which the set is divided: its folds, or one for all clips.

        Args:
            root: a copy, for setups that only a copy tells.
        """
        return [Setup(fold_name(fold), dict(fold=fold)) for fold in cls.FOLDS] or [Setup('all clips')]

    @classmethod
    def check_declaration(cls) -> None:
        """Refuse a declaration that contradicts itself.

        Raises:
            DatasetError: naming class and attribute.
        """
        check_name(cls)
        check_distinct(cls, 'SPLITS', cls.SPLITS)
        check_distinct(cls, 'FOLDS', cls.FOLDS)
        check_distinct(cls, 'FOLDERS', cls.FOLDERS)
        strange = [name for name in cls.FRAMES if name not in cls.FOLDERS]
        if strange:
            refuse(cls, 'FRAMES', f'{strange[0]!r} is none of FOLDERS: {", ".join(cls.FOLDERS)}')
        if cls.METAINFO.get('classes') is not None:
            check_classes(cls)
            check_sizes(cls)


def fold_name(fold: int) -> str:
    """The setup of a fold."""
    return f'fold {fold}'


def fold_sizes(*sizes: Sequence[int], splits: Sequence[str] = ('train', 'test')) -> dict[str, dict[str, int]]:
    """:attr:`DeclaredSet.SIZES` of folds 1, 2, ... from the sizes of each one's splits."""
    return {fold_name(fold): dict(zip(splits, row, strict=True)) for fold, row in enumerate(sizes, 1)}


def fold_case(name: str) -> str:
    """A class name for comparison: lower case, the parts of a compound in alphabetical order."""
    return '_'.join(sorted(name.strip().lower().split('_')))


def refuse(kind: type, attribute: str, message: str) -> None:
    """End the definition of a class."""
    raise DatasetError(f'{kind.__name__}.{attribute}: {message}')


def check_name(kind: type[DeclaredSet]) -> None:
    """A short name goes into commands and names of folders."""
    name = kind.METAINFO.get('dataset')
    if not isinstance(name, str) or not re.fullmatch(r'[A-Za-z0-9][\w.-]*', name):
        refuse(kind, 'METAINFO',
               f"dataset={name!r} is no short name: letters, digits, '_', '-' and '.', such as 'dfew'")


def check_distinct(kind: type, attribute: str, values: Iterable) -> None:
    """Each value once."""
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        refuse(kind, attribute, f'{twice[0]!r} stands in it twice')


def check_classes(kind: type[DeclaredSet]) -> None:
    """Classes are told apart without case, an order holds each of them once, and emotions are of classes."""
    classes = kind.METAINFO['classes']
    if isinstance(classes, str) or not classes or not all(isinstance(one, str) and one.strip() for one in classes):
        refuse(kind, 'METAINFO', f'classes={classes!r}: expected names, such as ("happy", "sad")')
    check_distinct(kind, "METAINFO['classes']", map(fold_case, classes))
    for name, order in kind.ORDERS.items():
        if isinstance(order, str) or sorted(order) != sorted(classes):
            wrong = [f'lacks {one}' for one in classes if one not in order]
            wrong += [f'has {one}' for one in order if one not in classes]
            wrong += [f'has {one} {count} times' for one, count in Counter(order).items() if count > 1]
            refuse(kind, f'ORDERS[{name!r}]', f'is no permutation of the {len(classes)} classes: it {"; ".join(wrong)}')
    strange = [name for name in kind.EMOTIONS if name not in classes]
    if strange:
        refuse(kind, 'EMOTIONS', f'{strange[0]!r} is no class; the classes are {", ".join(classes)}')
    try:
        add_words(kind.EMOTIONS)
    except ValueError as error:
        refuse(kind, 'EMOTIONS', str(error))


def check_sizes(kind: type[DeclaredSet]) -> None:
    """Sizes are of setups and splits that exist, those of classes add up to them, and all to the total."""
    setups = {setup.name: setup for setup in kind.setups()}
    for name, sizes in kind.SIZES.items():
        check_place(kind, 'SIZES', name, tuple(sizes), setups)
        wrong = [value for value in sizes.values() if not isinstance(value, int) or value < 1]
        if wrong:
            refuse(kind, f'SIZES[{name!r}]', f'{wrong[0]!r} is no number of clips')
    for (name, split), counts in kind.CLASS_SIZES.items():
        attribute = f'CLASS_SIZES[{name!r}, {split!r}]'
        check_place(kind, 'CLASS_SIZES', name, (split, ), setups)
        if len(counts) != len(kind.METAINFO['classes']):
            refuse(kind, attribute, f'has {len(counts)} numbers; expected one for each of the '
                   f'{len(kind.METAINFO["classes"])} classes')
        whole = kind.SIZES.get(name, {}).get(split)
        if whole is not None and sum(counts) != whole:
            refuse(kind, attribute, f'adds up to {sum(counts)}, but SIZES says {whole}')
    check_total(kind, [name for name, setup in setups.items() if not setup.group])


def check_place(kind: type[DeclaredSet], attribute: str, name: str, splits: Sequence[str],
                setups: Mapping[str, Setup]) -> None:
    """A size is of a setup and of splits that the set has."""
    if name not in setups:
        folds = f' (FOLDS are {", ".join(map(str, kind.FOLDS))})' if kind.FOLDS else ''
        refuse(kind, attribute, f'{name!r} is no setup of the set{folds}; expected {", ".join(map(repr, setups))}')
    strange = [split for split in splits if split not in kind.SPLITS]
    if strange:
        refuse(kind, f'{attribute}[{name!r}]',
               f'{strange[0]!r} is no split; expected {", ".join(map(repr, kind.SPLITS))}')


def check_total(kind: type[DeclaredSet], names: Sequence[str]) -> None:
    """The splits of each main setup make up all clips, and so do the tested splits of the folds."""
    whole = {name: kind.SIZES[name] for name in names if set(kind.SIZES.get(name, ())) == set(kind.SPLITS)}
    total = kind.TOTAL
    for name, sizes in whole.items():
        found = sum(sizes.values())
        if total is not None and found != total:
            said = f'TOTAL is {total}' if kind.TOTAL is not None else f'the setup before it has {total}'
            refuse(kind, f'SIZES[{name!r}]', f'adds up to {found} clips, but {said}')
        total = found
    if kind.FOLDS and len(whole) == len(names):
        tested = sum(sizes[kind.SPLITS[-1]] for sizes in whole.values())
        if tested != total:
            refuse(kind, 'SIZES', f'the {kind.SPLITS[-1]} clips of the {len(names)} folds are {tested}, but a fold has '
                   f'{total} clips: every clip is tested in one fold')
