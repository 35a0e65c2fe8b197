"""A paper's table, whole: planned, run where it is not finished, written as the paper prints it with ours beside."""
from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from ..files import write_json, write_text
from ..runs.paper_table import compare, table_json
from ..runs.published import PublishedTable
from ..runs.report import leave_missing_report
from ..visualization.report.sheet import Sheet
from . import options
from .job_queue import Job, run_jobs
from .launching import ALONE
from .processes import Places
from .reproduction.collecting import collect, remarks_on
from .reproduction.demo import demo_entries, preparation, with_drawn_set
from .reproduction.listing import TABLE, table_folder
from .reproduction.plan import LAST, Entry, Plan, Run, entries_of, make_plan
from .reproduction.wishes import Wishes


def wanted_entries(table: PublishedTable, wishes: Wishes) -> list[Entry]:
    """The rows of a table that can be run, on their sets or on the drawn one.

    Raises:
        ValueError: for wishes that the table cannot fulfil.
    """
    wishes.check(table)
    entries = demo_entries(table, wishes) if wishes.demo else entries_of(table, wishes)
    if not entries:
        raise ValueError(f'{table.name}: there is no config of {", ".join(wishes.rows) or "its rows"} on '
                         f'{", ".join(wishes.sets or table.sets)}; what the paper prints: --quote')
    return entries


def reproduce(table: PublishedTable, wishes: Wishes, places: Places | None = None) -> Sheet:
    """Run what is not finished of a table, and write it; the same command goes on where it was stopped.

    Args:
        table: of :func:`mmdfer.runs.published.find_table`.
        wishes: what is wanted of it.
        places: how the trainings are started, and how many at a time. Defaults to one here.

    Returns:
        The table, as it was written to ``table.md``, ``table.tex`` and ``table.json`` of its folder.

    Raises:
        ValueError: for what is lacking, before anything starts; or if a run fails, after the others' figures are
            written.
    """
    entries = wanted_entries(table, wishes)
    plan = make_plan(entries, prepared(entries, wishes))
    try:
        run_plan(plan, places or Places(ALONE))
    finally:
        sheet = write_table(plan, table)
    return sheet


def prepared(entries: Sequence[Entry], wishes: Wishes, weights: bool = True) -> Wishes:
    """The wishes with all that the drawn set wants in place, if one runs on it; ``weights`` with its image model."""
    if not wishes.demo:
        return wishes
    jobs = [job for job in preparation(entries, wishes) if weights or job.command != 'train']
    run_jobs(jobs, Places(ALONE), lambda job, others: None)
    return with_drawn_set(wishes)


def run_plan(plan: Plan, places: Places) -> None:
    """Run what is not finished, trainings before tests.

    Raises:
        ValueError: if a run fails; it names its log.
    """
    for run in plan.runs.values():
        if run.finished:
            if not run.is_test and '--no-report' not in run.words:
                leave_missing_report(run.folder)
            print(f'{run.name}: done before, in {run.folder}', flush=True)

    def ended(job: Job, others: bool) -> None:
        print(f'{job.name}: done, in {job.folder}', flush=True)

    for is_test in (False, True):
        run_jobs([job_of(run) for run in plan.waiting if run.is_test == is_test], places, ended)


def job_of(run: Run) -> Job:
    """The command of a run."""
    fold = () if run.fold is None else ('--fold', str(run.fold))
    if not run.is_test:
        return Job(run.name, (run.config, '--work-dir', run.folder, '--seed', str(run.seed), *fold, '--resume',
                              *run.words), run.folder)
    checkpoint = (os.path.join(run.trained, LAST), ) if run.trained else ()
    words = (run.config, *checkpoint, '--work-dir', run.folder, '--out', run.folder, *fold, *_of_tests(run.words))
    return Job(f'{run.name}, test', words, run.folder, 'test', 'testing')


def _of_tests(words: Sequence[str]) -> list[str]:
    """The options of ``mmdfer train`` that ``mmdfer test`` has, too."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_run_options(parser)
    kept, keep = [], True
    for word in words:
        if word.startswith('--'):
            keep = word.split('=')[0] in parser._option_string_actions
        if keep:
            kept.append(word)
    return kept


def write_table(plan: Plan, table: PublishedTable) -> Sheet:
    """Write ``table.md``, ``table.tex`` and ``table.json`` of what is finished.

    Returns:
        The table.
    """
    demo, results = plan.wishes.demo, collect(plan, table)
    sheet = compare(table, results, remarks_on(plan), demo)
    folder = table_folder(plan.wishes.out, table)
    content: dict[str, Any] = table_json(table, results, demo)
    content['runs'] = dict(planned=len(plan.runs), finished=len(plan.runs) - len(plan.waiting))
    content['folders'] = {f'{row}.{dataset}': [run.folder for run in runs] for (row, dataset), runs in
                          plan.cells.items()}
    write_text(sheet.markdown(), folder / 'table.md')
    write_text(sheet.latex(), folder / 'table.tex')
    write_json(content, folder / TABLE)
    return sheet
