"""How sure a report's figures are, in sentences and a table."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cells import Cell, chance, count, percent
from .tables import Table, bootstrap_told


def intervals_told(report: Mapping[str, Any]) -> str:
    """What the intervals of the selected epoch are; empty where there are none."""
    found = report[report['select']]['intervals'] if report['select'] else None
    if not found:
        return ''
    wilson = any(one and one['by'] == 'wilson' for one in found['recall'])
    told = f'{bootstrap_told(found)}. They tell what other clips would change, not another training.'
    return told + (" The recall of a class of which every clip is right, or none, has Wilson's interval." if wilson
                   else '')


def spread_lines(report: Mapping[str, Any]) -> list[str]:
    """A sentence for UAR and one for WAR on how the folds differ; none for a single fold."""
    found = report[report['select']]['intervals'] if report['select'] else None
    if not found or not found['folds']:
        return []
    lines, level = [], found['level']
    for key in ('uar', 'war'):
        told = found['folds'][key]
        line = (f'{key.upper()} of the folds: {percent(told["min"])} to {percent(told["max"])}, standard deviation '
                f'{percent(told["std"])}; clips alone would make it about {percent(told["std_of_clips"])}')
        if told['p'] is not None:
            more = 'more than' if told['p'] < 1 - level else 'no more than'
            line += (f' (Cochran\'s Q {told["q"]:.1f}, p {chance(told["p"], equals=True)}: the folds differ by {more} '
                     'that)')
        lines.append(f'{line}. Student\'s {100 * level:.0f} % interval of their mean: {percent(told["low"])} to '
                     f'{percent(told["high"])}.')
    return lines


def calibration_table(report: Mapping[str, Any]) -> Table | None:
    """Calibration as the model is, and under the temperature of its validation part."""
    found = report['calibration']
    if not found:
        return None
    cooled = found['temperature']
    rows = []
    for name, key, show in (('expected calibration error, %', 'ece', percent), ('Brier score', 'brier', _number),
                            ('negative log likelihood', 'nll', _number), ('mean probability of the prediction, %',
                                                                          'confidence', percent),
                            ('right, %', 'right', percent)):
        rows.append([name, show(found[key]), *([show(cooled[key])] if cooled else [])])
    rows.append(['clips', count(found['clips']), *([count(cooled['clips'])] if cooled else [])])
    head = ['', 'as it is']
    if cooled:
        values = cooled['values']
        head.append('temperature ' + ('–'.join(f'{value:.2f}' for value in sorted({min(values), max(values)}))))
    return Table(head, rows)


def _number(value: float) -> Cell:
    return Cell(f'{value:.4f}', value)
