"""A paper's ablation tables, row by row: what to run, and the table with the paper's figures beside ours."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from .ablation_demo import demo_config
from ..run_config import load_config
from ..files import write_json
from ..runs.result import is_finished
from ..runs.summary import read_results
from .launching import Launch
from .processes import Training


def read_rows(folder: str, only: Sequence[str] = ()) -> list[dict]:
    """Rows of an ablation folder's ``rows.py``: ``group``, ``name``, ``config`` and perhaps ``paper``.

    A folder that can be run on the demo's set has ``demo = dict(full=..., small=...)`` beside its rows, the configs
    that :func:`mmdfer.apis.ablation_demo.demo_config` goes by; a row that cannot has ``demo=False``.

    Args:
        folder: e.g. ``configs/ablations/fe_adapter``.
        only: config stems or group names to keep; empty for all.

    Raises:
        ValueError: if there is no ``rows.py``, or a name matches nothing.
    """
    table = load_config(os.path.join(folder, 'rows.py'))
    rows = [dict(row, stem=Path(row['config']).stem, path=os.path.join(folder, row['config']),
                 demo=table.get('demo') if row.get('demo', True) else None) for row in table.rows]
    known = {row['stem'] for row in rows} | {row['group'] for row in rows}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ValueError(f'{folder}: no row or group {", ".join(map(repr, unknown))}; there are {", ".join(sorted(known))}')
    return [row for row in rows if not only or row['stem'] in only or row['group'] in only]


def run_rows(rows: Sequence[dict], out: str, seeds: Sequence[int], options: Sequence[str], demo: bool = False,
             launch: Launch = Launch()) -> list[dict]:
    """Train each row with each seed by ``mmdfer train``, going past what is finished.

    Args:
        rows: of :func:`read_rows`.
        out: runs go to ``<out>/<row>/seed_<n>``.
        seeds: seeds of the runs.
        options: passed on to ``mmdfer train``.
        demo: put each row's adapters and prompts on the demo's towers and data.
        launch: how each training is started.

    Returns:
        The rows that ran, each with ``results``, a list of a result for every seed.

    Raises:
        ValueError: if a run fails; it names its log. With ``demo``, if no row has one.
    """
    if demo and not any(row['demo'] for row in rows):
        raise ValueError('--demo: none of these rows can run on the demo set; run them on their own, with --data-root')
    done = []
    for row in rows:
        path = row['path']
        if demo:
            cfg = demo_config(row)
            if cfg is None:
                print(f'{row["name"]}: not part of the demo')
                continue
            path = os.path.join(out, row['stem'], 'config.py')
            os.makedirs(os.path.dirname(path), exist_ok=True)
            cfg.dump(path)
        folders = [os.path.join(out, row['stem'], f'seed_{seed}') for seed in seeds]
        for seed, folder in zip(seeds, folders):
            _run(path, row['stem'], folder, seed, options, launch)
        done.append(dict(row, results=read_results(folders)))
        write_table(done, out)
    return done


def _run(path: str, name: str, folder: str, seed: int, options: Sequence[str], launch: Launch) -> None:
    if is_finished(folder):
        return
    training = Training([path, '--name', name, '--work-dir', folder, '--seed', str(seed), '--resume', *options], folder, launch)
    print(f'{name}, seed {seed}: training; log in {training.log}', flush=True)
    if training.failed():
        raise ValueError(f'{name}, seed {seed}: the run failed: {training.complaint()}')


def spread(values: Sequence[float]) -> str:
    """Mean in per cent, with the sample standard deviation where there are several."""
    text = f'{100 * mean(values):.2f}'
    return text if len(values) == 1 else f'{text} ± {100 * stdev(values):.2f}'


def write_table(rows: Sequence[dict], out: str) -> str:
    """Write ``table.md`` and ``table.json`` into ``out``: measured figures of the last epoch, the paper's beside."""
    sets = [name for name in ('dfew', 'ferv39k', 'mafw') if any(name in row.get('paper', {}) for row in rows)]
    lines = ['| group | row | tunable | UAR | WAR | runs |' + ''.join(f' paper, {name} |' for name in sets),
             '|---|---|---:|---:|---:|---:|' + '---:|' * len(sets)]
    for row in rows:
        results = row['results']
        paper = [' / '.join(f'{value:.2f}' for value in row['paper'][name]) if name in row.get('paper', {}) else ''
                 for name in sets]
        cells = [row['group'], row['name'], f'{results[0]["tunable"]:,}', spread([one['uar'] for one in results]),
                 spread([one['war'] for one in results]), str(len(results)), *paper]
        lines.append(f'| {" | ".join(cells)} |')
    text = '\n'.join(lines) + '\n'
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, 'table.md'), 'w', encoding='utf-8') as file:
        file.write(text)
    write_json([dict((key, row[key]) for key in ('group', 'name', 'config', 'results')) | dict(paper=row.get('paper'))
                for row in rows], os.path.join(out, 'table.json'))
    return text
