"""What a plan costs: runs, epochs, clips, and hours where finished runs tell how fast they are."""
from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ...runs.folder import RunFolder
from ...visualization.report.cells import duration
from .plan import Plan, Run


@dataclass(frozen=True)
class Cost:
    """The runs of one config on one set.

    Args:
        runs: all of them.
        clips: that all the epochs of the waiting ones see together; ``None`` where the set does not say.
        seconds: of the waiting ones by the finished ones' speed; ``None`` where none is finished.
    """
    runs: Sequence[Run]
    clips: int | None
    seconds: float | None

    @property
    def waiting(self) -> int:
        return sum(not run.finished for run in self.runs)


def costs_of(plan: Plan) -> list[Cost]:
    """The cost of each config on each set, in the plan's order."""
    groups: dict[tuple, list[Run]] = {}
    for run in plan.runs.values():
        groups.setdefault((run.config, run.dataset, run.is_test, run.trained), []).append(run)
    return [_cost(runs) for runs in groups.values()]


def _cost(runs: Sequence[Run]) -> Cost:
    waiting = [run for run in runs if not run.finished]
    seen = [None if run.clips is None else run.clips * max(run.epochs, 1) for run in waiting]
    clips = None if None in seen else sum(count for count in seen if count is not None)
    times = [RunFolder(run.folder).cost()['training_seconds'] for run in runs if run.finished and not run.is_test]
    known = [time for time in times if time is not None]
    return Cost(runs, clips, len(waiting) * sum(known) / len(known) if known else None)


def render_costs(plan: Plan) -> str:
    """The plan as lines for a terminal: a line a config and set, what they add up to, and what is lacking."""
    lines = [('config', 'set', 'folds', 'seeds', 'epochs', 'runs', 'done', 'clips to see', 'time')]
    costs = costs_of(plan)
    for cost in costs:
        first = cost.runs[0]
        folds = ', '.join(dict.fromkeys('' if run.fold is None else str(run.fold) for run in cost.runs))
        seeds = ', '.join(dict.fromkeys(str(run.seed) for run in cost.runs))
        name = os.path.basename(first.config).removesuffix('.py') if first.config.endswith('.py') else first.config
        lines.append((name, first.dataset, folds or 'one split', seeds, 'test' if first.is_test else str(first.epochs),
                      str(len(cost.runs)), str(len(cost.runs) - cost.waiting), _count(cost.clips), _time(cost.seconds)))
    clips = [cost.clips for cost in costs]
    whole = None if None in clips else sum(count for count in clips if count is not None)
    times = [cost.seconds for cost in costs if cost.waiting]
    seconds = None if None in times or not times else sum(time for time in times if time is not None)
    waiting, runs = sum(cost.waiting for cost in costs), sum(len(cost.runs) for cost in costs)
    epochs = sum(run.epochs for run in plan.waiting)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    table = ['  '.join(cell.ljust(width) if column < 5 else cell.rjust(width)
                       for column, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines]
    told = f'{waiting} of {runs} runs to do: {epochs:,} epochs'
    told += '' if whole is None else f', {whole:,} clips to see'
    told += '' if not waiting else ', time not known: no run of these is finished' if seconds is None else (
        f', about {duration(seconds)} one after another, by the finished ones')
    return '\n'.join([*table, '', told, *(f'lacking: {one}' for one in plan.lacking)])


def _count(clips: int | None) -> str:
    return 'not known' if clips is None else f'{clips:,}'


def _time(seconds: float | None) -> str:
    return 'not known' if seconds is None else str(duration(seconds))
