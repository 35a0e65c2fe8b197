"""What the runs of a plan gave: figures by row and set, and what a reader must know of them."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...evaluation.predictions import load_predictions
from ...files import read_json
from ...runs.folder import RunFolder
from ...runs.layout import TEST_METRICS, TEST_PREDICTIONS
from ...runs.marks import note_on_seen
from ...runs.paper_table import DEMO, Measured, Results
from ...runs.published import SETS, PublishedTable, comparable, known_test_clips
from .plan import Plan, Run
from .wishes import DRAWN

RECALL = 'recall/'


def collect(plan: Plan, table: PublishedTable) -> Results:
    """The finished runs of each row on each set; rows without any are left out.

    Raises:
        ValueError: for a run that has no figures of the wanted epoch, or whose files contradict each other.
    """
    found = {}
    for (row, dataset), runs in plan.cells.items():
        finished = [run for run in runs if run.finished]
        if finished:
            found[row, DEMO if dataset == DRAWN else dataset] = _measured(plan, table, row, dataset, runs, finished)
    return found


def _measured(plan: Plan, table: PublishedTable, row: str, dataset: str, runs: Sequence[Run],
              finished: Sequence[Run]) -> Measured:
    read = [_read(run, plan.wishes.select) for run in finished]
    clips = [one['clips'] for one in read]
    notes = [*plan.notes.get((row, dataset), ())]
    if len(finished) < len(runs):
        waiting = [run for run in runs if run not in finished]
        lacking = ', '.join(dict.fromkeys(str(run.fold) for run in waiting if run.fold is not None))
        notes.append(f'{len(finished)} of {len(runs)} runs are finished'
                     + (f'; not all of fold {lacking}' if lacking else '') + '. The mean is not that of the plan.')
    known = known_test_clips(dataset)
    if known is not None and not comparable(dataset, clips):
        told = ', '.join(str(count) for count in dict.fromkeys(clips))
        notes.append(f'Over {told} test clips; the published lists of {SETS[dataset]} have '
                     f'{", ".join(map(str, dict.fromkeys(known)))}. Not comparable with the paper.')
    folds = list(dict.fromkeys(run.fold for run in runs))
    if table.folds == 'all' and known is not None and None not in folds and len(folds) < len(known):
        notes.append(f'Of fold {", ".join(map(str, folds))} alone, where the paper has {len(known)} folds.')
    if plan.wishes.select == 'best' and not finished[0].is_test:
        notes.append('Of the epoch that is best on the test set, as published code chooses it.')
    elif plan.wishes.select == 'inner':
        notes.append('Of the epoch that is best on a part of the training clips.')
    notes += dict.fromkeys(note for one in read for note in one['notes'])
    return Measured([one['uar'] for one in read], [one['war'] for one in read], [one['recall'] for one in read],
                    len(runs), tuple(dict.fromkeys(run.fold for run in finished if run.fold is not None)),
                    tuple(dict.fromkeys(run.seed for run in finished)), read[0]['tunable'], notes)


def _read(run: Run, select: str) -> dict:
    """UAR, WAR and recalls in [0, 1] of a finished run."""
    if run.is_test:
        metrics = read_json(Path(run.folder) / TEST_METRICS)
        recall = {name.removeprefix(RECALL): value for name, value in metrics.items() if name.startswith(RECALL)}
        kept = Path(run.folder) / TEST_PREDICTIONS
        clips = len(load_predictions(kept).ids) if kept.is_file() else None
        return dict(uar=metrics['uar'], war=metrics['war'], recall=recall, tunable=None, clips=clips,
                    notes=_told(metrics))
    folder = RunFolder(run.folder)
    row = folder.row(select)
    recall = dict(zip(folder.classes or (), row['recall'] or ()))
    return dict(uar=row['uar'], war=row['war'], recall=recall, tunable=folder.result.get('tunable'), clips=row['clips'],
                notes=_told(folder.result))


def _told(result: dict) -> list[str]:
    return list(filter(None, [note_on_seen(result, 'the run')]))


def remarks_on(plan: Plan) -> list[str]:
    """Sentences below the table: which rows are one run, and what is not run."""
    served: dict[tuple[str, ...], list[str]] = {}
    for (row, _), runs in plan.cells.items():
        rows = served.setdefault(tuple(run.folder for run in runs), [])
        rows += [row] if row not in rows else []
    shared = dict.fromkeys(', '.join(rows) for rows in served.values() if len(rows) > 1)
    return [f'One run, since their settings are the same: {rows}.' for rows in shared]
