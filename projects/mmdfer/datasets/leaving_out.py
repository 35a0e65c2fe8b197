"""Training clips that a step of the pipeline cannot serve: left out of the set at its start, and counted.

A step of a pipeline says so by two things: ``needs``, what it wants of a clip in a word, such as ``'caption'``, and
``keeps(item)``, whether an item of the set has it. Testing leaves nothing out: there a step does what it can.
"""
from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from mmengine.logging import print_log

from .errors import DatasetError


def leave_out(steps: Iterable[Any], items: list[dict], where: str) -> tuple[list[dict], dict[str, int]]:
    """Items that every step keeps, and how many lack what a step needs, by its word for it.

    Args:
        steps: transforms of a pipeline.
        items: of the set's list, with ``clip`` and ``video_id``.
        where: the list, for messages.

    Raises:
        DatasetError: if nothing is left.
    """
    counts: dict[str, int] = {}
    for step in steps:
        keeps = getattr(step, 'keeps', None)
        if keeps is None or not items:
            continue
        kept = [item for item in items if keeps(item)]
        gone = len(items) - len(kept)
        if gone and not kept:
            raise DatasetError(f'{where}: none of its {len(items)} clips has a {step.needs}, such as '
                               f'{items[0]["video_id"]}; {step.remedy}')
        if gone:
            counts[step.needs] = counts.get(step.needs, 0) + gone
            missing = [item['video_id'] for item in items if not keeps(item)][:3]
            print_log(f'{where}: {gone} of {len(items)} clips have no {step.needs} and are left out of training (such '
                      f'as {", ".join(missing)})', logger='current', level=logging.WARNING)
        items = kept
    return items, counts


def left_out_of(dataset: Any) -> dict[str, int]:
    """How many clips a training set was left without, by what they lack; also of a set within others."""
    inner = getattr(dataset, 'datasets', None)
    inner = [getattr(dataset, 'dataset', None)] if inner is None else inner
    counts = dict(getattr(dataset, 'left_out', None) or {})
    for one in inner:
        for needs, count in (left_out_of(one) if one is not None else {}).items():
            counts[needs] = counts.get(needs, 0) + count
    return counts
