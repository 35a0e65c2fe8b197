"""``metrics.jsonl``: what the evaluator said of each validation of a run, in the order of training.

A line is a JSON object::

    {"unit": "epoch", "step": 3, "clips": 2341, "uar": 0.61, "war": 0.72,
     "recalls": {"happy": 0.8, ...}, "others": {"acc/top1": 0.72}}

``unit`` is that of the training loop, ``epoch`` or ``iter``; ``step`` counts those that were done. Figures are the ones
that the evaluator returned, in [0, 1]; ``uar`` and ``war`` are null where it has no ``RecallMetric``, ``others`` holds
what else it returned. A step has one line: a validation that a resumed run does again takes the place of the first.
"""
from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from numbers import Real
from pathlib import Path

from ..files import write_text
from .layout import METRICS


@dataclass(frozen=True)
class Evaluation:
    """The figures of one validation.

    Args:
        unit: ``'epoch'`` or ``'iter'``.
        step: epochs or iterations done.
        uar: unweighted average recall, in [0, 1].
        war: weighted average recall, in [0, 1].
        recalls: of each class by its name.
        clips: how many were evaluated; ``None`` where that was not kept.
        others: further figures by their names.
    """
    unit: str
    step: int
    uar: float | None = None
    war: float | None = None
    recalls: dict[str, float] = field(default_factory=dict)
    clips: int | None = None
    others: dict[str, float] = field(default_factory=dict)

    def figures(self) -> dict:
        """``uar``, ``war`` and ``epoch``, as a ``result.json`` holds them."""
        return dict(uar=self.uar, war=self.war, epoch=self.step)


def find_figure(metrics: Mapping[str, float], name: str) -> float | None:
    """A figure of an evaluator's, with or without a metric's prefix."""
    key = name if name in metrics else next((key for key in metrics if key.rsplit('/', 1)[-1] == name), None)
    return None if key is None else float(metrics[key])


def to_evaluation(metrics: Mapping[str, float], unit: str, step: int, clips: int | None = None) -> Evaluation:
    """What an evaluator returned as :class:`Evaluation`; entries that are no finite number are left out."""
    numbers = {key: float(value) for key, value in metrics.items()
               if isinstance(value, Real) and math.isfinite(value)}
    uar, war = find_figure(numbers, 'uar'), find_figure(numbers, 'war')
    recalls, others = {}, {}
    for key, value in numbers.items():
        before, mark, name = key.partition('recall/')
        if mark and (not before or before.endswith('/')):
            recalls.setdefault(name, value)
        elif key.rsplit('/', 1)[-1] not in ('uar', 'war'):
            others[key] = value
    return Evaluation(unit, step, uar, war, recalls, clips, others)


def read_evaluations(folder: str | os.PathLike) -> list[Evaluation]:
    """The lines of a run's ``metrics.jsonl``, by step; none where there is no such file.

    Raises:
        ValueError: naming file and line, for a line that is none of :func:`add_evaluation`.
    """
    path = Path(folder) / METRICS
    if not path.is_file():
        return []
    found = []
    for number, line in enumerate(path.read_text(encoding='utf-8').split('\n'), 1):
        if not line:
            continue
        try:
            entry = json.loads(line)
            found.append(Evaluation(**entry))
        except (ValueError, TypeError) as error:
            names = ', '.join(one.name for one in fields(Evaluation))
            raise ValueError(f'{path}:{number}: no line of an evaluation ({error}); expected a JSON object with '
                             f'{names}') from None
    return sorted(found, key=lambda one: one.step)


def add_evaluation(folder: str | os.PathLike, evaluation: Evaluation) -> None:
    """Add a line, in the place of the one of the same step if there is one; the file is whole at every moment."""
    others = [one for one in read_evaluations(folder) if (one.unit, one.step) != (evaluation.unit, evaluation.step)]
    _write(folder, sorted([*others, evaluation], key=lambda one: one.step))


def forget_after(folder: str | os.PathLike, step: int) -> None:
    """Remove the lines beyond a step: of weights that a run gave up when it was resumed from an earlier checkpoint."""
    found = read_evaluations(folder)
    kept = [one for one in found if one.step <= step]
    if len(kept) < len(found):
        _write(folder, kept)


def _write(folder: str | os.PathLike, evaluations: Sequence[Evaluation]) -> None:
    lines = [json.dumps(asdict(one), ensure_ascii=False) + '\n' for one in evaluations]
    write_text(''.join(lines), Path(folder) / METRICS)


def best(evaluations: Sequence[Evaluation]) -> Evaluation | None:
    """The validation with the highest UAR, the first of equals; ``None`` where none has one."""
    return max((one for one in evaluations if one.uar is not None), key=lambda one: one.uar, default=None)


def result_figures(evaluations: Sequence[Evaluation]) -> dict:
    """The figures of a ``result.json``: ``unit``, ``uar``, ``war`` and ``epoch`` of the last validation, and ``best``
    with those of the one with the best UAR; empty where no validation has a UAR."""
    measured = [one for one in evaluations if one.uar is not None]
    if not measured:
        return {}
    return dict(unit=measured[-1].unit, **measured[-1].figures(), best=best(measured).figures())
