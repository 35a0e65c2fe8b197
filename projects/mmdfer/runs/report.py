"""One page a run, or a page over the folds of a config: HTML that stands alone, Markdown and JSON."""
from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets import BadClipError, DatasetError
from ..evaluation.fold_summary import MEANINGS
from ..files import write_json, write_text
from ..visualization.report import draw_pictures, render_html, render_markdown, strip_uri
from .calibrated import run_calibration
from .folder import RunFolder
from .groups import find_runs, summarize_runs, total_cost
from .layout import LOCK, REPORT
from .marks import marked, picture_title, set_told
from .mistakes import clip_strips, confident_mistakes
from .published import comparable, paper_row, published
from .samples import class_counts

if TYPE_CHECKING:
    from mmengine.config import Config


def write_report(path: str, out: str | None = None, data_root: str | None = None, mistakes: int = 12,
                 folds: Sequence[int] | None = None) -> dict:
    """Write ``report.html``, ``report.md`` and ``report.json`` of a run, or of all folds below a folder.

    What a run did not leave, such as the predictions of its best epoch, says "not measured" and why.

    Args:
        path: a work directory, or the folder of ``fold_<n>``.
        out: folder of the three files. Defaults to ``path``.
        data_root: folder of the data set for counts and film strips, instead of the config's.
        mistakes: how many of the most confident mistakes are shown.
        folds: those to report on. Defaults to all that are there.

    Returns:
        The content of ``report.json``.

    Raises:
        ValueError: for a folder without a finished run, or with runs of several configs.
    """
    groups = find_runs(path)
    if len(groups) > 1:
        raise ValueError(f'{path}: holds {len(groups)} runs ({", ".join(str(group[0].path) for group in groups[:5])}); '
                         'give one of them, or join them by mmdfer summarize')
    runs = [run for run in groups[0] if folds is None or run.result.get('fold') in folds]
    if not runs:
        raise ValueError(f'{path}: holds no run of fold {", ".join(map(str, folds))}')
    out = out or str(path)
    report = gather(runs, data_root, mistakes)
    strips = _strips(runs, report, data_root)            # may add to what is missing
    named = {picture_title(_title(run), run.title): run.records for run in runs if run.records}
    pictures = draw_pictures(report, named)
    write_json(report, os.path.join(out, 'report.json'))
    write_text(render_markdown(report), os.path.join(out, 'report.md'))
    write_text(render_html(report, pictures, strips), os.path.join(out, 'report.html'))
    return report


def leave_report(work_dir: str, folds: Sequence[int] | None = None) -> None:
    """Write the report of a run that has just ended; a fault of the report is a warning and not the run's."""
    from mmengine.logging import print_log
    try:
        write_report(work_dir, folds=folds)
    except (ValueError, OSError) as error:
        print_log(f'no report in {work_dir}: {error}', logger='current', level=logging.WARNING)
    else:
        print_log(f'report.html, report.md and report.json are in {work_dir}', logger='current')


def leave_missing_report(work_dir: str) -> None:
    """Write the report of a run that was killed when it had ended, before its report was whole."""
    trained_here = (Path(work_dir) / LOCK).exists()
    if trained_here and not all((Path(work_dir) / name).is_file() for name in REPORT):
        leave_report(work_dir)


def gather(runs: Sequence[RunFolder], data_root: str | None = None, mistakes: int = 12) -> dict:
    """Everything the page tells, as JSON; ``missing`` says why a part is not there.

    Args:
        runs: one run, or the folds of one config.
        data_root: folder of the data set, instead of the config's.
        mistakes: how many mistakes to name.

    Returns:
        The figures of :func:`~mmdfer.runs.groups.summarize_runs`, and what the other sections of the page need.
    """
    first, missing = runs[0], {}
    seen = sum(run.result.get('seen_clips') or 0 for run in runs)
    report = dict(name=marked(first.result['name'], seen), dataset=first.dataset, title=first.title,
                  classes=first.classes, tunable=first.result.get('tunable'), total=first.result.get('total'),
                  **summarize_runs(runs))
    kinds = report['kinds']
    report['meanings'] = {kind: MEANINGS[kind] for kind in kinds}
    if not kinds:
        missing['results'] = 'no epoch was validated'
    elif any(report[kind]['pooled'] is None for kind in kinds):
        missing['confusion'] = 'the run kept no predictions; PredictionsHook among custom_hooks keeps them'
    report['runs'] = [dict(fold=run.result.get('fold'), work_dir=str(run.path), **run.cost()) for run in runs]
    report['cost'] = total_cost(report['runs'])
    report['data'] = _data_summary(runs, data_root, missing)
    clips = test_clips(report)
    report['title'] = set_told(first.title, first.dataset, clips)
    beside = comparable(first.dataset, clips)
    report['paper'] = paper_row(first.config_name, first.dataset) if beside else None
    report['published'] = published(first.dataset) if beside else []
    if not beside:
        told = ' and '.join(sorted(map(str, set(clips))))
        missing['paper'] = ('no figures of papers for this set' if None in clips else
                            f'theirs are on other test sets than this one of {told} samples')
    elif report['paper'] is None:
        missing['paper'] = f'no paper has a row for the config {first.config_name}'
    report['settings'] = settings(first.config, first.config_name) if first.config is not None else []
    report['config'] = first.config_text
    if first.config is None:
        missing['config'] = f'{first.path} holds no config file'
    report['validations'] = [[one.figures() for one in run.evaluations if one.uar is not None] for run in runs]
    if not any(run.training for run in runs):
        missing['curves'] = 'losses are in no scalars.json; LocalVisBackend among vis_backends keeps them'
    report['calibration'] = run_calibration(runs, report['select'], missing)
    report['mistakes'] = _mistakes(runs, report['select'], mistakes, missing)
    report['missing'] = missing
    return report


def test_clips(report: dict) -> list[int | None]:
    """Test clips of each run, from its predictions or its data set; ``None`` where neither is there."""
    counted = [sum(part['test']) for part in report['data'] or ()] or [None] * len(report['runs'])
    rows = report[report['select']]['folds'] if report['select'] else [{}] * len(counted)
    return [row.get('clips') or number for row, number in zip(rows, counted)]


def settings(cfg: Config, name: str | None = None) -> list[list[str]]:
    """What of a config of that name a reader asks for first, as [name, value]; what it does not have is left out."""
    model, optim = cfg.get('model', {}), cfg.get('optim_wrapper', {})
    backbone, optimizer = model.get('backbone') or {}, optim.get('optimizer', {})
    loader, train = cfg.get('train_dataloader') or {}, cfg.get('train_cfg') or {}
    adapters = backbone.get('adapters') or ()
    adapters = [' '.join(f'{value}' if key == 'type' else f'{key}={value}' for key, value in
                         sorted(adapter.items(), key=lambda item: item[0] != 'type'))
                for adapter in (adapters.values() if isinstance(adapters, dict) else adapters) if adapter is not None]
    schedule = [step.get('type') for step in _as_list(cfg.get('param_scheduler'))]
    frames = next((step['num_frames'] for step in cfg.get('test_pipeline', ()) if 'num_frames' in step), None)
    pairs = [
        ('config', name),
        ('model', model.get('type')),
        ('backbone', ' '.join(filter(None, (backbone.get('type'), str(backbone.get('arch') or ''))))),
        ('adapters', '; '.join(adapters)),
        ('image checkpoint', (backbone.get('init_cfg') or {}).get('checkpoint')),
        ('head', (model.get('cls_head') or model.get('head') or {}).get('type')),
        ('frames a clip', frames),
        ('optimizer', ', '.join(f'{value}' if key == 'type' else f'{key} {value}' for key, value in
                                sorted(optimizer.items(), key=lambda item: item[0] != 'type'))),
        ('precision', 'mixed' if 'Amp' in optim.get('type', '') else 'float32'),
        ('schedule', ', '.join(filter(None, schedule))),
        ('batch size a process', loader.get('batch_size')),
        ('gradient accumulation', optim.get('accumulative_counts')),
        ('epochs', train.get('max_epochs')),
        ('iterations', train.get('max_iters')),
        ('seed', (cfg.get('randomness') or {}).get('seed')),
    ]
    return [[name, str(value)] for name, value in pairs if value not in (None, '')]


def _as_list(value) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value] if value else []


def _title(run: RunFolder) -> str:
    fold = run.result.get('fold')
    return run.result['name'] if fold is None else f'fold {fold}'


def _data_summary(runs: Sequence[RunFolder], data_root: str | None, missing: dict) -> list[dict] | None:
    """Samples a class of every run's training and test set, (K,) each."""
    try:
        return [dict(fold=run.result.get('fold'), **{split: class_counts(run.config, loader, data_root).tolist()
                                                     for split, loader in (('train', 'train_dataloader'),
                                                                           ('test', 'test_dataloader'))})
                for run in runs if run.config is not None] or None
    except DatasetError as error:
        missing['data'] = str(error)
        return None


def _mistakes(runs: Sequence[RunFolder], kind: str | None, count: int, missing: dict) -> list[dict] | None:
    """The most confident mistakes of a kind of epoch over all runs."""
    found = []
    for number, run in enumerate(runs):
        predictions = run.predictions(kind) if kind else None
        if predictions is None:
            missing['mistakes'] = f'{run.path} holds no predictions'
            return None
        found += [dict(mistake, run=number, fold=run.result.get('fold'))
                  for mistake in confident_mistakes(predictions, count)]
    return sorted(found, key=lambda mistake: -mistake['probability'])[:count]


def _strips(runs: Sequence[RunFolder], report: dict, data_root: str | None) -> list[str | None]:
    """A film strip for each mistake as a data URI; ``None`` where the clip is not there."""
    strips: list[str | None] = [None] * len(report['mistakes'] or ())
    for number, run in enumerate(runs):
        rows = [row for row, mistake in enumerate(report['mistakes'] or ()) if mistake['run'] == number]
        if not rows or run.config is None:
            continue
        try:
            images = clip_strips(run.config, [report['mistakes'][row] for row in rows], data_root)
        except (DatasetError, BadClipError) as error:
            report['missing']['strips'] = str(error)
            continue
        for row, image in zip(rows, images):
            strips[row] = None if image is None else strip_uri(image)
    return strips
