"""What a user wants of a table: sets and their folders, weights, folds, seeds, rows."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...names import check_name
from ...runs.published import SETS, PublishedTable

OWN = {'--seed': '--seeds', '--fold': '--folds', '--data-root': '--data', '--work-dir': '--out', '--name': '--rows',
       '--resume': None}
"""Options of ``mmdfer train`` that are of single runs, and what stands for them here."""
DRAWN = 'demo'


@dataclass(frozen=True)
class Wishes:
    """What is to be run of a table.

    Args:
        out: folder of all runs and tables.
        data: folder of each set.
        image: image or CLIP model of the rows; ``{image_set}`` in it stands for a row's.
        images: those of single rows.
        long_clip: model of the text towers of long texts.
        folds: as ``1-3,5``; ``None`` for those of the paper's protocol.
        seeds: one run of each for every seed.
        rows: keys of the rows to run; empty for all.
        sets: to run on; empty for the table's.
        rivals: with the rows of other systems that have a config here.
        select: the epoch whose figures are taken: ``last``, ``best`` or ``inner``.
        rest: options of ``mmdfer train``, the same for every run.
        demo: on the drawn set.
    """
    out: str
    data: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    long_clip: str | None = None
    folds: str | None = None
    seeds: tuple[int, ...] = (0, )
    rows: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    rivals: bool = False
    select: str = 'last'
    rest: tuple[str, ...] = ()
    demo: bool = False

    def check(self, table: PublishedTable | None) -> None:
        """Refuse what the table does not have.

        Raises:
            ValueError: for options of single runs, and unknown rows and sets.
        """
        given = {word.split('=')[0] for word in self.rest}
        for option, ours in OWN.items():
            if option in given:
                raise ValueError(f'{option} is for one run: mmdfer reproduce names, places and resumes its runs itself'
                                 + (f'; it has {ours}' if ours else ''))
        if table is not None:
            keys = [row.row for row in table.rows]
            for key in (*self.rows, *self.images):
                check_name(f'{table.name}: --rows', key, keys)
            for name in self.sets:
                check_name(f'{table.name}: --sets', name, table.sets)


def read_data(words: Sequence[str]) -> dict[str, str]:
    """``['ferv39k=/data/FERV39k']`` as a dict.

    Raises:
        ValueError: for a word of another form, and a set that no table is of.
    """
    found = {}
    for word in words:
        name, equals, folder = word.partition('=')
        if not equals or not folder:
            raise ValueError(f'--data {word}: expected SET=FOLDER, such as dfew=/data/DFEW')
        check_name('--data', name.lower(), (*SETS, DRAWN))
        found[name.lower()] = folder
    return found


def read_images(words: Sequence[str], rows: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """``['vitb.pth', 'dfer_clip=ViT-B-32.pt']`` as the model of all rows and those of single ones.

    Raises:
        ValueError: for two models of all rows.
    """
    single = {name: path for name, equals, path in (word.partition('=') for word in words) if equals and name in rows}
    every = [word for word in words if word.partition('=')[0] not in single]
    if len(every) > 1:
        raise ValueError(f'--image-checkpoint {" ".join(every)}: one model serves all rows; that of a single row is '
                         f'given as ROW=FILE, where ROW is one of {", ".join(rows)}')
    return (every[0] if every else None), single
