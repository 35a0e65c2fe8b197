"""Reports as HTML that stands alone, and as Markdown."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...labels import class_colours
from . import cells, tables, uncertainty
from .markdown import code_span, escape_markdown

if TYPE_CHECKING:
    from jinja2 import Environment


@lru_cache
def environment() -> Environment:
    """Jinja2 over the templates beside this file; texts are escaped in HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    made = Environment(loader=FileSystemLoader(Path(__file__).parent / 'templates'), trim_blocks=True,
                       lstrip_blocks=True, undefined=StrictUndefined,
                       autoescape=lambda name: not (name or '').endswith('.md'), keep_trailing_newline=True)
    made.filters.update(percent=cells.percent, millions=cells.millions, duration=cells.duration, points=cells.points,
                        points_range=cells.points_range, ranged=cells.ranged, plain=escape_markdown,
                        code=code_span)
    return made


def _context(report: Mapping[str, Any]) -> dict:
    """What both templates of a run show."""
    return dict(
        report=report,
        names=tables.NAMES,
        titles=tables.titles(report),
        chosen=report[report['select']] if report['select'] else None,
        intervals=uncertainty.intervals_told(report),
        spread=uncertainty.spread_lines(report),
        calibration=uncertainty.calibration_table(report),
        results=tables.result_table(report),
        published=(tables.published_table(report['published'], tables.own_rows(report))
                   if report['published'] else None),
        folds=tables.fold_table(report) if len(report['folds']) > 1 else None,
        classes=tables.class_table(report) if report['classes'] else None,
        data=tables.data_table(report),
        cost=tables.cost_table(report),
        folds_told=tables.folds_told(report['folds']),
        mistakes=tables.mistake_rows(report))


def render_html(report: Mapping[str, Any], pictures: Mapping[str, str], strips: Sequence[str | None] = ()) -> str:
    """The page of a run.

    Args:
        report: of :func:`mmdfer.runs.report.gather`.
        pictures: data URIs of :func:`~mmdfer.visualization.report.draw_pictures`.
        strips: a data URI for each mistake, ``None`` where its frames are not there.
    """
    colours = dict(zip(report['classes'] or (), class_colours(tuple(report['classes'] or ()))))
    return environment().get_template('run.html').render(**_context(report), pictures=pictures, strips=list(strips),
                                                         colours=colours)


def render_markdown(report: Mapping[str, Any]) -> str:
    """The same without pictures."""
    return environment().get_template('run.md').render(**_context(report))


def render_summary(table: tables.Table, published: Mapping[str, tables.Table],
                   curves: Mapping[str, str] | None = None) -> str:
    """The page that compares runs.

    Args:
        table: a row a run.
        published: what papers print, by name of the set.
        curves: data URIs of the panels of the runs' curves.
    """
    return environment().get_template('summary.html').render(table=table, published=published, curves=curves)
