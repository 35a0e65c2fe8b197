"""What can be reproduced: every table and figure, what it needs, what is done. Nothing here imports PyTorch."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ...files import read_json
from ...runs.published import SETS, PublishedTable, read_papers
from .figures import FIGURES, PaperFigure

TABLE = 'table.json'
NEEDS = {
    'image': 'an image ViT (--image-checkpoint; configs/image_fer trains one)',
    'clip': 'CLIP ViT-B/16 (--clip-checkpoint)',
    'long_clip': 'Long-CLIP (--long-clip-checkpoint)', 'maps': 'face maps (mmdfer faces)',
    'captions': 'captions (mmdfer captions, refine)'}
"""What tables and figures want beside the sets, and where it comes from."""


def table_folder(out: str | os.PathLike, table: PublishedTable) -> Path:
    """The folder that a table is written into."""
    return Path(out) / f'{table.paper.stem}_{table.key}'


def list_all(out: str | os.PathLike) -> str:
    """Every table and figure by paper, a line each.

    Args:
        out: the folder that they were run into.
    """
    lines: list[tuple[str, ...]] = []
    for paper in read_papers().values():
        lines.append((f'{paper.name} ({paper.venue}), mmdfer reproduce {paper.stem} ...', ))
        for table in paper.tables.values():
            lines.append((table.key, f'{table.number}: {table.title}', _rows(table), _wants(table.sets, table.needs),
                          table_done(out, table)))
        for figure in FIGURES[paper.stem].values():
            lines.append((figure.key, figure.title, '', _wants(figure.sets, figure.needs), figure_done(out, figure)))
        lines.append(('', ))
    widths = [max(len(line[column]) for line in lines if len(line) > 1) for column in range(5)]
    told = [line[0] if len(line) == 1 else
            '  ' + '  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    told += [f'{name}: {meaning}' for name, meaning in NEEDS.items()]
    return '\n'.join([*told, 'DFEW, FERV39k, MAFW: --data dfew=FOLDER ferv39k=FOLDER mafw=FOLDER; --demo needs none'])


def _wants(sets: Sequence[str], needs: Sequence[str]) -> str:
    return ', '.join([*(SETS[name] for name in sets), *needs]) or 'nothing'


def _rows(table: PublishedTable) -> str:
    """How many of a table's rows can be run here."""
    own = [row for row in table.rows if row.own]
    runnable = sum(any(row.config_of(name) for name in table.sets) for row in own)
    rivals = [row for row in table.rows if not row.own]
    with_config = sum(any(row.config_of(name) for name in table.sets) for row in rivals)
    told = f'{runnable} of {len(own)} own rows run'
    return told + (f', {with_config} of {len(rivals)} others' if with_config else '')


def table_done(out: str | os.PathLike, table: PublishedTable) -> str:
    """How many of the runs that were last planned are finished."""
    told = []
    for folder, what in ((Path(out), ''), (Path(out) / 'demo', 'on the drawn set ')):
        file = table_folder(folder, table) / TABLE
        if file.is_file():
            runs = read_json(file)['runs']
            told.append(f'{what}{runs["finished"]} of {runs["planned"]} runs')
    return ', '.join(told) or 'not run'


def figure_done(out: str | os.PathLike, figure: PaperFigure) -> str:
    """Whether a figure is drawn."""
    told = [what for folder, what in ((Path(out), 'drawn'), (Path(out) / 'demo', 'drawn of the drawn set'))
            if any(figure_files(folder, figure))]
    return ', '.join(told) or 'not drawn'


def figure_files(out: Path, figure: PaperFigure) -> list[Path]:
    """The pictures of a figure."""
    folder = out / f'{figure.paper}_{figure.key}'
    return [path for path in folder.glob('*') if path.suffix in ('.png', '.pdf', '.svg')]
