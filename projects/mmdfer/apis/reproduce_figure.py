"""A paper's figure, whole: the models that it shows are trained where they are not, and it is drawn of them."""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config

from . import options
from .launching import ALONE
from .processes import Places
from .reproduce import prepared, run_plan
from .reproduction.demo import small_config
from .reproduction.figures import PaperFigure
from .reproduction.plan import Entry, Plan, Run, check_data, make_plan, read_entry, words_of
from .reproduction.wishes import DRAWN, Wishes


def figure_entries(figure: PaperFigure, wishes: Wishes) -> list[Entry]:
    """The models that a figure shows, on its first set or on the drawn one.

    Raises:
        ValueError: for a model that does not run on the drawn set.
    """
    wishes.check(None)
    entries = []
    for name, config in figure.rows:
        entry = Entry(name, name, figure.sets[0], f'{config}@{figure.sets[0]}', figure.folds)
        if wishes.demo:
            small = small_config(entry.config, f'{wishes.out}/configs')
            if small is None:
                raise ValueError(f'{figure.name}: {name} does not run on the drawn set')
            entry = replace(entry, dataset=DRAWN, config=small)
        entries.append(entry)
    return entries


def reproduce_figure(figure: PaperFigure, wishes: Wishes, places: Places | None = None,
                     formats: Sequence[str] = ('png', )) -> list[Path]:
    """Train what a figure shows and is not trained, and draw it.

    Args:
        figure: of :func:`~mmdfer.apis.reproduction.figures.find_figure`.
        wishes: what is wanted.
        places: how the trainings are started, and how many at a time. Defaults to one here.
        formats: of ``png``, ``pdf`` and ``svg``.

    Returns:
        The files.

    Raises:
        ValueError: for what is lacking, before anything starts; or if a run fails.
    """
    from .figures import FIGURES as DRAWN_BY
    draw, out = DRAWN_BY[figure.paper][figure.key].draw, Path(wishes.out) / f'{figure.paper}_{figure.key}'
    if figure.draws == 'figures':
        return draw(out, formats)
    entries = figure_entries(figure, wishes)
    if figure.draws == 'config':
        return draw(_untrained(entries[0], prepared(entries, wishes, weights=False)), out, formats)
    plan = make_plan(entries, prepared(entries, wishes))
    run_plan(plan, places or Places(ALONE))
    return draw(_rows(plan, entries), out, formats)


def _rows(plan: Plan, entries: Sequence[Entry]) -> list:
    """A row a run of the first seed, called by its model, its fold, or both."""
    from .explain_rows import rows_of
    rows = []
    for entry in entries:
        runs = [run for run in plan.cells[entry.row, entry.dataset] if run.seed == plan.wishes.seeds[0]]
        for run in runs:
            parts = [entry.title if len(entries) > 1 or len(runs) == 1 else '',
                     f'fold {run.fold}' if len(runs) > 1 else '']
            rows += rows_of(_config(run), [run.folder], [', '.join(filter(None, parts))])
    return rows


def _untrained(entry: Entry, wishes: Wishes) -> Config:
    """The config of a figure that needs a set and no model.

    Raises:
        ValueError: if the set is not given.
    """
    check_data(Plan(wishes), [entry], lenient=False)
    return read_entry(entry, words_of(wishes, entry), wishes, False, True)


def _config(run: Run) -> Config:
    """A run's config with its data, as it is tested."""
    parser = argparse.ArgumentParser(prog='mmdfer reproduce', allow_abbrev=False)
    parser.add_argument('config')
    options.add_train_options(parser)
    fold = [] if run.fold is None else ['--fold', str(run.fold)]
    return options.run_config(parser.parse_args([run.config, *run.words, '--work-dir', run.folder, *fold]))
