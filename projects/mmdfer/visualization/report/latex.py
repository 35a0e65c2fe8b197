"""Rows of a LaTeX table in the manner of booktabs."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# A bracket or star after a row's end would be taken for an argument of it; <, > and | are other signs in old fonts.
SPECIAL = {'\\': r'\textbackslash{}', '~': r'\textasciitilde{}', '^': r'\textasciicircum{}', '±': r'$\pm$', '²': '$^2$',
           '†': r'\textdagger{}', '×': r'$\times$', 'λ': r'$\lambda$', '→': r'$\to$',
           '<': r'\textless{}', '>': r'\textgreater{}', '|': r'\textbar{}', '"': "''",
           **{character: f'{{{character}}}' for character in '[]*'},
           **{character: f'\\{character}' for character in '&%$#_{}'}}
HEADER = '''% Rows of: \\begin{tabular}{lrcccc}, with \\usepackage{booktabs}
% method & tunable, M & UAR & WAR & UAR in the paper & WAR in the paper; in per cent
'''


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it is written here."""
    return ''.join(SPECIAL.get(character, character) for character in ' '.join(text.split()))


def latex_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of a table, one a run, sets apart by ``\\midrule``.

    Args:
        rows: of :func:`mmdfer.runs.summary.summary_rows`; figures of the last epoch are written.
    """
    lines, before = [HEADER], None
    for row in sorted(rows, key=lambda row: (row['dataset'] or '', row.get('title') or '')):
        title = row['dataset'] and (row.get('title') or row['dataset'].upper())
        if title != before and title is not None:
            rule = '\\midrule\n' if before is not None else ''
            lines.append(f'{rule}\\multicolumn{{6}}{{l}}{{{escape_latex(title)}}} \\\\\n')
        before = title
        paper = row['paper'] or {}
        cells = [escape_latex(row['name']), _millions(row['tunable']), _cell(row['uar'], row['uar_std']),
                 _cell(row['war'], row['war_std']), _cell(paper.get('uar')), _cell(paper.get('war'))]
        lines.append(f'{" & ".join(cells)} \\\\\n')
    return ''.join(lines)


def _millions(count: int | None) -> str:
    return '--' if count is None else f'{count / 1e6:.2f}'


def _cell(value: float | None, spread: float | None = None) -> str:
    if value is None:
        return '--'
    return f'{100 * value:.2f}' if spread is None else f'${100 * value:.2f} \\pm {100 * spread:.2f}$'
