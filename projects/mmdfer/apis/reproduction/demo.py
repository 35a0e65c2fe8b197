"""A table on the demo's drawn set: each row's adapters and texts on the small towers, and what must be made first."""
from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pprint import pformat

from ...config_reading import files_read_once
from ...config_rows import find_row, read_rows, row_files
from ...files import write_text
from ...run_config import load_config
from ...run_towers import towers
from ...runs.published import PublishedTable
from ..ablation_demo import demo_config
from ..configs import read_tunable
from ..job_queue import Job
from .plan import Entry, entries_of, read_entry, words_of
from .wishes import DRAWN, Wishes

DATA, IMAGE_STAGE = 'data/demo', 'work_dirs/demo/image_stage'
"""Where ``tools/demo.sh`` puts them, too."""
IMAGE_MODEL, MAPS = f'{IMAGE_STAGE}/best.pth', 'Clip/clip_224x224_faces'


def demo_entries(table: PublishedTable, wishes: Wishes) -> list[Entry]:
    """Each row once, as a config of its own on the small towers, written below the folder of the runs.

    Rows that differ in what the drawn set has but one of, such as the image set, come out with the same settings and
    are one run.

    Raises:
        ValueError: for a table none of whose rows has a model there.
    """
    found: dict[str, Entry] = {}
    with files_read_once():
        for entry in entries_of(table, wishes):
            config = None if entry.row in found else small_config(entry.config, os.path.join(wishes.out, 'configs'))
            if config is not None:
                found[entry.row] = replace(entry, dataset=DRAWN, config=config)
    if not found:
        raise ValueError(f'{table.name}: none of its rows runs on the drawn set')
    return list(found.values())


def small_config(name: str, folder: str) -> str | None:
    """A config's, or a row's, model on the demo's towers and data, written into a folder; ``None`` where there is none.

    A row that tests what another one has trained stands for that training here: the drawn set is tested in it.
    """
    row = find_row(name)
    if read_tunable(name) == 0 and (row is None or row[0].of is None):
        return None                                                 # the drawn set has no model of images and texts
    if row is not None and row[0].of is not None:
        row = find_row(f'{row[0].paper}/{row[0].of}')
    if row is not None:
        name, base = row[0].name(row[1]), row[0].base(row[1])
    else:
        base = name
    small = _small_of(base)
    if small is None:
        return None
    stem = name.replace('@', '_').replace('/', '_')
    path = os.path.join(folder, f'{stem}_demo.py')
    entries = demo_config(load_config(name), base, small).to_dict().items()
    text = '\n'.join(f'{key} = {pformat(value, width=110, sort_dicts=False)}' for key, value in entries)
    write_text(f'# {name} on the drawn set.\n{text}\n', path)
    return path


def _small_of(base: str) -> str | None:
    """The config on the demo's towers of the model that rows of a file change."""
    for path in row_files().values():
        file = read_rows(path)
        if file.demo is not None and any(base in row.bases.values() for row in file.rows):
            return file.demo
    return None


def preparation(entries: Iterable[Entry], wishes: Wishes) -> list[Job]:
    """The drawn set and the image model that its configs start from, where they are not there yet."""
    configs = [read_entry(entry, words_of(wishes, entry), wishes, DRAWN not in wishes.data, False) for entry in entries]
    steps = {step['type'] for cfg in configs for step in cfg.train_dataloader.dataset.pipeline}
    jobs, root, maps = [], wishes.data.get(DRAWN, DATA), 'LoadFaceMaps' in steps
    if DRAWN not in wishes.data or root == DATA and maps and not os.path.isdir(os.path.join(root, MAPS)):
        words = ('--out', root, *(['--maps'] if maps else []))
        jobs.append(Job('drawn set', words, os.path.join(wishes.out, 'drawn_set'), 'demo-clips', 'drawing'))
    starts = [(tower.get('init_cfg') or {}).get('checkpoint') for cfg in configs for tower in towers(cfg.model)]
    if IMAGE_MODEL in starts and not os.path.isfile(IMAGE_MODEL):
        words = ('demo/image_stage', '--data-root', os.path.join(root, 'static'), '--work-dir', IMAGE_STAGE,
                 '--name', 'image_stage', '--resume')
        jobs.append(Job('image model', words, IMAGE_STAGE))
    return jobs


def with_drawn_set(wishes: Wishes) -> Wishes:
    """The wishes once the drawn set is there."""
    return replace(wishes, data={DRAWN: DATA, **wishes.data})
