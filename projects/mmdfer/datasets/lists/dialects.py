"""From the labels of a list, as its writer had them, to the canonical classes of a set.

Lists of the same set circulate with names or numbers, numbers from 0 or from 1, and in several orders of the
classes. Names speak for themselves. Of numbers, the clips that are known otherwise tell the order: those whose
folder carries the class (FERV39k), or which the official lists of the same copy name (MAFW, DFEW). A list that
neither they nor ``label_base`` and ``class_order`` settle is refused: a wrong order trains to a wrong number
without a word.
"""
from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mmengine.logging import print_log

from ...labels import find_emotion
from ..declaration import fold_case
from ..errors import DatasetError
from .list_files import ListFile
from .texts import refuse_lines, shown, whole_number

CERTAIN = 0.9                   # the share of clips with one number that must be known as one class
SOURCES = "the clips' folders or the official lists"


@dataclass(frozen=True)
class Dialect:
    """How the labels of a set's lists are to be read.

    Args:
        dataset: the set's short name.
        names: its classes in canonical order.
        orders: orders in which numbers are known to stand for classes, by name. Nothing in a list of numbers says which
            one it has; only where several are named here must something else say it.
        takes_names: whether labels may be names.
        official_base: the first number of the official lists, where they have numbers.
        label_base: the user's word on the first number.
        class_order: the user's word on the order: a key of ``orders``, or all class names.
    """
    dataset: str
    names: tuple[str, ...]
    orders: Mapping[str, tuple[str, ...]]
    takes_names: bool = True
    official_base: int | None = None
    label_base: int | None = None
    class_order: str | Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.class_order is not None:
            object.__setattr__(self, 'class_order', self._given_order(self.class_order))

    def read(self, file: ListFile, known: Mapping[int, int] | None = None) -> tuple[list[int], str]:
        """Canonical labels of a list's rows, and what they were in words.

        Args:
            file: the list.
            known: canonical labels of some rows, by the row's place, from elsewhere.

        Raises:
            DatasetError: for a label that is no class, labels that contradict ``known``, and numbers whose
                first or order cannot be told.
        """
        known = known or {}
        numbers = [whole_number(row.label) for row in file.rows]
        if self.takes_names and 2 * numbers.count(None) >= max(len(numbers), 1):        # most of them, if not all
            labels, told = self._by_names(file), 'labels are names'
        else:
            labels, told = self._by_number(file, self._all_numbers(file, numbers), known)
        self._check(file, labels, known)
        return labels, told

    def find(self, text: str) -> int | None:
        """The class that a name stands for: the set's own, the emotion's noun or adjective, in any case."""
        return self._aliases.get(fold_case(text))

    @cached_property
    def _aliases(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for label, name in enumerate(self.names):
            emotion = find_emotion(name)
            for alias in () if emotion is None else (emotion.noun, emotion.adjective):
                found[fold_case(alias)] = label
        return dict(found, **{fold_case(name): label for label, name in enumerate(self.names)})

    def _by_names(self, file: ListFile) -> list[int]:
        found = [self.find(row.label) for row in file.rows]
        refuse_lines(file.path, [
            (row.line, f'label={shown(row.label)} is no class of {self.dataset}; expected one of '
             + ', '.join(self.names)) for row, label in zip(file.rows, found) if label is None])
        return [label for label in found if label is not None]

    def _all_numbers(self, file: ListFile, numbers: Sequence[int | None]) -> list[int]:
        base = 1 if self.official_base is None else self.official_base
        refuse_lines(file.path, [
            (row.line, f'label={shown(row.label)} is no number; expected {base} to {base + len(self.names) - 1}')
            for row, number in zip(file.rows, numbers) if number is None])
        return [number for number in numbers if number is not None]

    def _by_number(self, file: ListFile, numbers: list[int], known: Mapping[int, int]) -> tuple[list[int], str]:
        if self.class_order is None and self.label_base is None:
            shown = self._order_by_known(file, numbers, known)
            if shown is not None:
                return [shown[number] for number in numbers], self._name_of(shown)
        order = self.class_order
        if order is None:
            orders = self.orders
            if len(orders) > 1:
                raise DatasetError(
                    f'{file.path}: labels are numbers, and {len(orders)} orders of the {len(self.names)} classes '
                    f'circulate; set class_order to {", ".join(map(repr, orders))}, or to the list of all class names')
            order, = orders.values()
        base = tell_label_base(file.path, numbers, len(self.names), self.label_base, self._expected_base(file),
                               [row.line for row in file.rows])
        places = [self.names.index(name) for name in order]
        labels = [places[number - base] for number in numbers]
        return labels, self._name_of({base + place: label for place, label in enumerate(places)})

    def _expected_base(self, file: ListFile) -> int | None:
        return None if file.counts_frames or self.class_order is not None else self.official_base

    def _order_by_known(self, file: ListFile, numbers: list[int], known: Mapping[int, int]) -> dict[int, int] | None:
        """The class of each number, if the known rows show all of them; each must stand for one class alone."""
        seen: dict[int, Counter] = defaultdict(Counter)
        for place, label in known.items():
            seen[numbers[place]][label] += 1
        for number, found in seen.items():
            (first, count), *others = found.most_common(2)
            if count < CERTAIN * sum(found.values()):
                second, other = others[0]
                raise DatasetError(f'{file.path}: label {number} stands for both {self.names[first]} ({count} clips) '
                                   f'and {self.names[second]} ({other}), by {SOURCES}; use another list')
        if not seen or set(numbers) - set(seen):
            return None
        shown = {number: found.most_common(1)[0][0] for number, found in seen.items()}
        if len(set(shown.values())) < len(shown):
            raise DatasetError(f'{file.path}: several numbers stand for one class, by {SOURCES}; use another list')
        return shown

    def _name_of(self, shown: Mapping[int, int]) -> str:
        """Words for a mapping from numbers to classes: base and order."""
        for name, order in self.orders.items():
            for base in (0, 1):
                full = {base + place: self.names.index(label) for place, label in enumerate(order)}
                if shown.items() <= full.items():
                    return f'labels {base} to {base + len(order) - 1} in the {name} order'
        return 'labels are numbers in an order of their own: ' + ', '.join(
            f'{number} {self.names[label]}' for number, label in sorted(shown.items()))

    def _check(self, file: ListFile, labels: list[int], known: Mapping[int, int]) -> None:
        """Refuse labels most of which are known to be others; warn of single ones, which may be corrections."""
        wrong = [place for place, label in known.items() if labels[place] != label]
        if not wrong:
            return
        row, place = file.rows[wrong[0]], wrong[0]
        message = (
            f'{file.path}: {len(wrong)} of {len(known)} labels are others by {SOURCES} (such as line {row.line}, '
            f'{row.label!r} reads as {self.names[labels[place]]}, but {row.clip} is '
            f'{self.names[known[place]]})')
        if len(wrong) > (1 - CERTAIN) * len(known):
            raise DatasetError(f'{message}; check the list, and class_order and label_base if they are set')
        print_log(message, logger='current', level=logging.WARNING)

    def _given_order(self, order: str | Sequence[str]) -> tuple[str, ...]:
        if isinstance(order, str):
            orders = self.orders
            if order not in orders:
                raise DatasetError(f'class_order={order!r} is not known: choose one of {sorted(orders)}, or give the '
                                   'list of all class names')
            return orders[order]
        found = [self.find(name) for name in order]
        if None in found or sorted(found) != list(range(len(self.names))):
            raise DatasetError(f'class_order={list(order)!r} is no order of the {len(self.names)} classes '
                               f'{", ".join(self.names)}: give each of them once')
        return tuple(self.names[label] for label in found)


def tell_label_base(path: str, labels: Sequence[int], num_classes: int, base: int | None,
                    official_base: int | None = 1, lines: Sequence[int] = ()) -> int:
    """Whether a list's labels start at 0 or 1.

    Where the official lists start at 1, one from 0 must show every class to be taken for what it is.

    Args:
        path: the list, for messages.
        labels: its numbers.
        num_classes: of the set.
        base: the user's word, 0 or 1.
        official_base: where the official lists start.
        lines: the line of each label, for messages.

    Raises:
        DatasetError: for labels out of range, labels that start at 0 where nobody said so, or labels that
            fit both.
    """
    low, high = min(labels, default=1), max(labels, default=num_classes)
    first, last = (0, num_classes) if base is None else (base, base + num_classes - 1)
    if low < first or high > last:
        outside = [(line, label) for line, label in zip(lines, labels) if not first <= label <= last]
        told = ''.join(f' (line {line} has {label})' for line, label in outside[:1])
        said = '' if base is None else f' (label_base={base})'
        raise DatasetError(f'{path}{f":{outside[0][0]}" if outside else ""}: labels run from {low} to {high}; expected '
                           f'{1 if base is None else base} to {last}{said}{told}')
    if base is not None:
        return base
    if low == 0 and high == num_classes:
        raise DatasetError(f'{path}: labels run from 0 to {num_classes}, one class too many; expected 1 to '
                           f'{num_classes}')
    if low == 0:
        if official_base != 1 or len(set(labels)) == num_classes:
            return 0
        raise DatasetError(f'{path}: labels start at 0, the official lists at 1; set label_base=0 if the list is '
                           'meant so')
    if high < num_classes:
        raise DatasetError(f'{path}: labels run from {low} to {high} and fit both a 1-based and a 0-based list; set '
                           'label_base to 0 or 1')
    return 1

