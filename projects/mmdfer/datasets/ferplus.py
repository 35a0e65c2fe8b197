"""FERPlus: FER2013's faces with the votes of ten annotators, for the image stage."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from mmengine.registry import DATASETS

from .errors import DatasetError
from .fer_dataset import StaticFERDataset
from .lists.texts import shown, whole_number
from .tables import stream_columns

USAGES = dict(train='Training', val='PublicTest', test='PrivateTest')
CLASSES = ('neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear', 'contempt')
VOTES = (*CLASSES, 'unknown', 'NF')
SIDE = 48


@DATASETS.register_module()
class FERPlusDataset(StaticFERDataset):
    """FERPlus in its official layout: two files with the same rows in the same order.

    ``fer2013.csv`` (``emotion,pixels,Usage``) holds the faces, 48x48 grey values separated by spaces, and
    ``fer2013new.csv`` (``Usage,Image name,neutral,...,contempt,unknown,NF``) the votes. FER2013's own
    ``emotion`` is not used. Items carry ``img`` (48, 48, 3) uint8, so that a pipeline starts without
    reading a file.

    With ``target='majority'`` the label is the expression with more than half of the votes, single votes
    not counted; faces without one (ties among them), or whose majority is unknown or NF (no face), are left
    out. This is the ``majority`` mode of the release (github.com/microsoft/FERPlus, src/ferplus.py; Barsoum
    et al., ICMI 2016). With ``target='distribution'`` items also carry ``gt_score``, the share of each of
    the 8 expressions in the votes for any of them, and ``gt_label``, the first of the largest; faces with
    half of all votes or more on unknown and NF are left out. The release's ``probability`` mode differs: it
    keeps at most the three largest shares. Evaluate on ``'majority'``, whose labels are published.

    Args:
        data_root: the folder that holds both files.
        split: ``'train'``, ``'val'`` or ``'test'``: the usages Training, PublicTest and PrivateTest.
        target: ``'majority'`` or ``'distribution'``.
        kwargs: ``BaseDataset``'s own arguments.

    Raises:
        DatasetError: if a file is missing or cannot be read, or the two disagree.
    """
    METAINFO = dict(dataset='ferplus', classes=CLASSES)
    TITLE = 'FERPlus'
    SPLITS = tuple(USAGES)

    def __init__(self, data_root: str = '', split: str = 'train', target: str = 'majority', **kwargs) -> None:
        if target not in ('majority', 'distribution'):
            raise DatasetError(f"target={target!r} does not exist: choose 'majority' or 'distribution'")
        self.target = target
        super().__init__(data_root=data_root, split=split, **kwargs)

    def get_data_info(self, idx: int) -> dict:
        """The item, with its grey values as the image of three channels that transforms expect."""
        info = super().get_data_info(idx)
        info['img'] = np.repeat(info.pop('pixels')[..., None], 3, axis=2)
        info['img_shape'] = info['ori_shape'] = (SIDE, SIDE)
        return info

    def load_data_list(self) -> list[dict]:
        faces, votes = Path(self.data_root) / 'fer2013.csv', Path(self.data_root) / 'fer2013new.csv'
        for path, source in ((faces, 'FER2013'), (votes, 'FERPlus')):
            if not path.is_file():
                raise DatasetError(f'{path}: no such file; put {path.name} of {source} into data_root')
        usages, counts = read_votes(str(votes))
        labels, scores = self._targets(counts)
        items, total, differing = [], 0, None
        for total, (line, (usage, pixels)) in enumerate(stream_columns(str(faces), ('Usage', 'pixels')), 1):
            row = total - 1
            if row >= len(usages):
                continue                        # the number of rows is told below
            if usage != usages[row]:
                differing = differing or f'{faces}:{line}: Usage is {usage!r}, but {usages[row]!r} in {votes.name}'
            elif usage == USAGES[self.split] and labels[row] >= 0:
                item = dict(pixels=read_pixels(pixels, f'{faces}:{line}'), gt_label=int(labels[row]), row=row)
                if scores is not None:
                    item['gt_score'] = scores[row].tolist()
                items.append(item)
        if total != len(usages):
            raise DatasetError(f'{faces} has {total} rows, {votes} has {len(usages)}; expected as many in both: '
                               'download both files again, and do not sort or filter them')
        if differing:
            raise DatasetError(f'{differing}; expected the same order in both files: download them again')
        self._log_left_out(votes, usages, counts, len(items))
        if not items:
            raise DatasetError(f'{votes}: no face of the split {self.split!r} ({USAGES[self.split]}) has a label')
        return items

    def _targets(self, votes: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        if self.target == 'majority':
            return majority_labels(votes), None
        return distributions(votes)

    def _log_left_out(self, path: Path, usages: list[str], votes: np.ndarray, kept: int) -> None:
        here = votes[np.array(usages) == USAGES[self.split]]
        faceless = int((here[:, 8:].sum(axis=1) * 2 >= here.sum(axis=1)).sum())
        left = len(here) - kept
        reasons = f'{left} left out'
        if left and self.target == 'majority':
            reasons += f' without a majority for one expression ({faceless} of them mostly unknown or no face)'
        elif left:
            reasons += ' as mostly unknown or no face'
        print_log(f'{path}: {kept} of {len(here)} faces of {self.split}; {reasons}', logger='current')


def read_votes(path: str) -> tuple[list[str], np.ndarray]:
    """Usage of each row, and its votes (N, 10) in the order of ``VOTES``.

    Raises:
        DatasetError: for a vote that is no count.
    """
    usages, rows = [], []
    for line, (usage, *texts) in stream_columns(path, ('Usage', *VOTES)):
        if usage not in USAGES.values():
            raise DatasetError(f'{path}:{line}: Usage={usage!r} is not known; expected {", ".join(USAGES.values())}')
        counts = list(map(whole_number, texts))
        wrong = [f'{name}={shown(text)}' for name, text, count in zip(VOTES, texts, counts)
                 if count is None or count < 0]
        if wrong:
            raise DatasetError(f'{path}:{line}: {", ".join(wrong)} is no number of votes; expected whole numbers')
        usages.append(usage)
        rows.append(counts)
    return usages, np.array(rows, dtype=np.int64).reshape(len(rows), len(VOTES))


def majority_labels(votes: np.ndarray) -> np.ndarray:
    """Class (N,) with more than half of the votes (N, 10) once single votes are taken away; -1 for none of the 8."""
    votes = np.where(votes > 1, votes, 0)
    winner = votes.argmax(axis=1)
    is_clear = 2 * votes.max(axis=1) > votes.sum(axis=1)
    return np.where(is_clear & (winner < len(VOTES) - 2), winner, -1)


def distributions(votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First largest class (N,), or -1, and the shares (N, 8) of the expressions in the votes (N, 10)."""
    expressions = votes[:, :len(VOTES) - 2]
    counted = expressions.sum(axis=1)
    is_kept = 2 * counted > votes.sum(axis=1)
    return np.where(is_kept, expressions.argmax(axis=1), -1), expressions / np.maximum(counted, 1)[:, None]


def read_pixels(text: str, where: str) -> np.ndarray:
    """Grey values separated by spaces as (48, 48) uint8.

    Raises:
        DatasetError: for another number of values, or values outside 0 to 255.
    """
    parts = text.split()
    if len(parts) != SIDE * SIDE:
        raise DatasetError(f'{where}: pixels holds {len(parts)} values; expected {SIDE * SIDE} ({SIDE}x{SIDE}) '
                           'separated by spaces')
    try:
        values = np.array(parts, dtype=np.int64)
    except (ValueError, OverflowError):
        values = np.array([-1])
    if values.min() < 0 or values.max() > 255:
        raise DatasetError(f'{where}: pixels holds something else than numbers from 0 to 255')
    return values.astype(np.uint8).reshape(SIDE, SIDE)
