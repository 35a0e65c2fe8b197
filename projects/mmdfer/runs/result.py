"""``result.json``: the figures of a run, written when its training has ended; a run without it is not finished.

``name``, ``config``, ``dataset``, ``title``, ``classes``, ``fold``, ``folds``
    the run's name in tables, its config's name, the short name of its set, what reports call that (a synthetic set is
    named so), the set's classes, the fold, and all folds that the set has; null or empty for what a run does not have.
``settings``
    SHA-256 of the settings that made the figures (:func:`mmdfer.runs.settings.digest_of`).
``uar``, ``war``, ``epoch``, ``unit``
    of the last validation; ``epoch`` counts iterations where ``unit`` is ``iter``. ``best`` holds the same three of the
    validation with the best UAR. All four and ``best`` are absent from a run that was not validated.
``inner``
    only of a run that validates on a part of the training clips: ``share``, and ``uar``, ``war`` and ``epoch`` on that
    part. The figures above are then those of the chosen epoch on the test set.
``tested``
    only of a model that was tested and not trained here: ``checkpoint``, null for one that needs none. ``epoch`` is
    null, and ``best``, ``seconds``, ``processes`` and ``clips_a_step`` are absent.
``trained_on``, ``seen_clips``
    which clips the model was trained on, in words (``unknown`` where the weights that it began with do not say), and
    how many of those that the figures are of; 0 unless ``--allow-seen`` was given, null where nothing is known.
``left_out``
    how many training clips were left out, by what they lack, such as ``{"caption": 97}``; empty for none.
``tunable``, ``total``
    parameters that were trained, and all.
``seconds``, ``processes``, ``clips_a_step``, ``rss_mib``, ``work_dir``
    wall clock of the last start, the processes, the clips of an optimizer's step on all of them, peak memory of the
    main process, and the folder as the run knew it.

Runs from before lack ``config``, ``dataset``, ``title``, ``classes``, ``folds``, ``settings``, ``trained_on``,
``left_out``, ``clips_a_step`` and ``unit``.
"""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..files import read_json, write_json
from .layout import BEST_CHECKPOINT, LAST_CHECKPOINT, OUTCOME, RESULT


def write_result(folder: str | os.PathLike, result: dict[str, Any]) -> None:
    """Write a run's ``result.json``, whole or not at all."""
    write_json(result, Path(folder) / RESULT)


def is_finished(folder: str | os.PathLike) -> bool:
    """Whether a run's training has ended."""
    return (Path(folder) / RESULT).is_file()


def forget_outcome(folder: str | os.PathLike) -> None:
    """Remove what an earlier run in the folder left at its end, the result first, since another one is begun.

    The names of its last and its best checkpoint go too: a resumed run would go on from the earlier one's weights. The
    checkpoints themselves stay.
    """
    for name in OUTCOME:
        (Path(folder) / name).unlink(missing_ok=True)
    (Path(folder) / LAST_CHECKPOINT).unlink(missing_ok=True)
    if (Path(folder) / BEST_CHECKPOINT).is_symlink():
        (Path(folder) / BEST_CHECKPOINT).unlink()


def read_result(folder: str | os.PathLike) -> dict[str, Any]:
    """A run's ``result.json``.

    Args:
        folder: the run's folder, or the file.

    Raises:
        ValueError: where it is missing or not a run's result.
    """
    file = Path(folder)
    file = file if file.suffix == '.json' else file / RESULT
    if not file.is_file():
        raise ValueError(f'{file}: no such result; it is written when a training ends')
    result = read_json(file)
    if 'name' not in result:
        raise ValueError(f'{file}: no result of a run; expected name, uar, war among its entries')
    return result


def figures_of(result: dict[str, Any], kind: str) -> dict[str, Any]:
    """``uar``, ``war`` and ``epoch`` of a kind of epoch: ``'last'``, ``'best'``, ``'inner'`` or ``'tested'``.

    Raises:
        ValueError: for a run without such figures.
    """
    if kind not in kinds_of(result):
        raise ValueError(f'{result["name"]}: the run has no figures of the {kind} epoch; it has those of '
                         f'{", ".join(kinds_of(result)) or "none, since it was not validated"}')
    return result['best'] if kind == 'best' else result


def kinds_of(result: dict[str, Any]) -> tuple[str, ...]:
    """Of which epochs a run has figures: ``last`` and ``best`` on the test set, the ``inner`` choice, or ``tested``."""
    if 'tested' in result:
        return ('tested', )
    return () if result.get('uar') is None else ('inner', ) if 'inner' in result else ('last', 'best')
