"""What mmengine logged of a run whose config has the ``LocalVisBackend``: losses, learning rates, times, memory."""
from __future__ import annotations

import json
import os
from pathlib import Path

from ..visualization.curves import is_training


def read_scalars(work_dir: str | os.PathLike) -> list[dict]:
    """Read the scalars of a run, its resumed parts merged, in the order of time.

    Each start of a run writes ``<work_dir>/<time>/vis_data/scalars.json``. A later part takes the place of an
    earlier one from its own first training record on: what an interrupted part logged beyond the checkpoint
    that the later one resumed from belongs to weights that were given up. A part that only validates
    replaces the validation records of its own steps.

    Args:
        work_dir: the run's work directory, or a ``scalars.json``.

    Returns:
        The records as MMEngine writes them: ``step``, and ``iter``, ``loss``, ``lr`` ... or ``uar``, ``war`` ...

    Raises:
        FileNotFoundError: where there is no ``scalars.json``.
        ValueError: where a file holds something else than a JSON object a line, or no record at all.
    """
    work_dir = Path(work_dir)
    files = [work_dir] if work_dir.is_file() else sorted(work_dir.glob('*/vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(f"no */vis_data/scalars.json in {work_dir}: is it a work directory, and does its "
                                "config have LocalVisBackend among the visualizer's vis_backends?")
    train: dict[float, dict] = {}
    val: dict[float, dict] = {}
    for file in files:
        records = _read_lines(file)
        training = [record for record in records if is_training(record)]
        if training:
            first = training[0]
            train = {step: record for step, record in train.items() if step < first['step']}
            # A validation after epoch e has step e, and step i after iteration i of a loop by iterations.
            val = {step: record for step, record in val.items() if step < first.get('epoch', first['step'])}
        train.update((record['step'], record) for record in training)
        val.update((record['step'], record) for record in records if not is_training(record))
    if not train and not val:
        raise ValueError(f'{", ".join(map(str, files))}: no record; the run ended before its first log line')
    return [*(train[step] for step in sorted(train)), *(val[step] for step in sorted(val))]


def read_log(folder: str | os.PathLike) -> list[dict]:
    """The scalars of a run as :func:`read_scalars` gives them; none where its ``vis_backends`` left none to read."""
    try:
        return read_scalars(folder)
    except (FileNotFoundError, ValueError):
        return []


def _read_lines(file: Path) -> list[dict]:
    """The records of one file; a last line that a killed run left unfinished is left out."""
    lines = file.read_text(encoding='utf-8').splitlines()
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise ValueError(f'{file}:{number}: not JSON: {line[:60]!r}') from error
        if not isinstance(record, dict) or 'step' not in record:
            raise ValueError(f'{file}:{number}: no record with a step: {line[:60]!r}')
        records.append(record)
    return records
