"""Which clips a model was trained on, as its files carry it: a short digest of each clip, and words for people.

A clip is known by the name of its set and its canonical name there (``dfew/123``, ``ferv39k/Action/Happy/267``), so
that lists, folds and copies of one set agree on it, and equal numbers of two sets are not one clip.
"""
from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

FIELD = 'trained_on'
"""Where the metadata of checkpoints and tunable files have it."""
UNKNOWN = 'unknown'
NOTHING = 'no clips'
FORMAT = 1
WIDTH = 8           # bytes of a digest: two of 300,000 clips share one with a chance of 2e-9
MOST_PARTS = 50     # a run that goes on from a run that goes on ...


@dataclass(frozen=True)
class TrainedOn:
    """The clips of a training, and of those that it went on from.

    Args:
        digests: of the clips, (N, ) unsigned, sorted, each once.
        parts: what they are, a line for each data set, such as ``'dfew, fold 1, train: 9356 clips'``.
        is_whole: whether these are all; not where the training began with weights that do not say.
    """
    digests: np.ndarray
    parts: tuple[str, ...] = ()
    is_whole: bool = True

    @classmethod
    def of(cls, ids: Sequence[str], part: str) -> TrainedOn:
        """Of clips by their names, and what they are."""
        return cls(np.unique(_digests(ids)), (f'{part}: {len(set(ids))} clips', ))

    @classmethod
    def nothing(cls) -> TrainedOn:
        """Of weights that no training here has seen."""
        return cls(_digests(()))

    @classmethod
    def unknown(cls) -> TrainedOn:
        """Of a file that does not say."""
        return cls(_digests(()), (), False)

    def __len__(self) -> int:
        return len(self.digests)

    def __or__(self, other: TrainedOn) -> TrainedOn:
        parts = tuple(dict.fromkeys((*self.parts, *other.parts)))
        return TrainedOn(np.union1d(self.digests, other.digests), parts[-MOST_PARTS:], self.is_whole and other.is_whole)

    def among(self, ids: Sequence[str]) -> list[str]:
        """Which of these clips are among the trained ones, in their order."""
        return [name for name, is_in in zip(ids, np.isin(_digests(ids), self.digests)) if is_in]

    def __str__(self) -> str:
        told = '; '.join(self.parts)
        return told or NOTHING if self.is_whole else f'partly {UNKNOWN}; {told}' if told else UNKNOWN

    def to_meta(self) -> dict[str, Any]:
        """As a file's metadata have it."""
        return dict(format=FORMAT, parts=list(self.parts), clips=len(self), is_whole=self.is_whole,
                    digests=base64.b64encode(self.digests.astype('>u8').tobytes()).decode('ascii'))

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any], path: str) -> TrainedOn:
        """What a file's metadata say; :meth:`unknown` where they say nothing.

        Args:
            meta: of the file.
            path: the file, for messages.

        Raises:
            ValueError: for something else than :meth:`to_meta` writes.
        """
        found = meta.get(FIELD)
        if found is None:
            return cls.unknown()
        try:
            data = base64.b64decode(found['digests'], validate=True)
            parts = tuple(_plain(str(part)) for part in found['parts'][:MOST_PARTS])
            digests = np.unique(np.frombuffer(data, '>u8').astype(np.uint64))
            is_sound = found['format'] == FORMAT and len(digests) == found['clips'] and type(found['is_whole']) is bool
        except (KeyError, TypeError, ValueError, binascii.Error):
            is_sound = False
        if not is_sound:
            raise ValueError(f'{path}: what it says of the clips it was trained on ({FIELD}) cannot be read; the file '
                             'is damaged or of a later version: use the file that training left')
        return cls(digests, parts, found['is_whole'])


def _plain(text: str) -> str:
    """A file's words as they can stand in a message: on one line, and not long."""
    return ''.join(letter if letter.isprintable() else '?' for letter in text[:200])


def _digests(ids: Iterable[str]) -> np.ndarray:
    """A digest of each name, (N, ) unsigned."""
    return np.array([int.from_bytes(blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=WIDTH).digest())
                     for name in ids], np.uint64)
