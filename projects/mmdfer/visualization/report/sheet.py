"""A paper's table with figures of ours: the same lines as Markdown and as LaTeX in the manner of booktabs."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...footnotes import RAISED
from .cells import NOT_MEASURED
from .latex import escape_latex
from .markdown import escape_markdown

TUNABLE = 'tunable, M'


@dataclass(frozen=True)
class Figure:
    """A cell in per cent.

    Args:
        value: ``None`` where there is none.
        std: sample standard deviation over runs; ``None`` for a printed figure or a single run.
        best: whether it is the highest of its column.
        notes: numbers of the notes on it.
        missing: what stands in place of a figure.
    """
    value: float | None
    std: float | None = None
    best: bool = False
    notes: tuple[int, ...] = ()
    missing: str = ''


@dataclass(frozen=True)
class Line:
    """A line: its leading words, its figures, and whether they were measured here."""
    words: tuple[str, ...]
    figures: tuple[Figure, ...]
    ours: bool = False
    notes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """A table for people.

    Args:
        title: above it.
        words: names of the leading columns.
        groups: a set's name, and the names of its columns.
        lines: in order.
        notes: what the numbers refer to.
        remarks: sentences below it.
    """
    title: str
    words: tuple[str, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    lines: tuple[Line, ...]
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()

    def markdown(self, heading: bool = True) -> str:
        """With the notes as a numbered list; ``heading`` puts the title above."""
        names = [f'{group} {name}' for group, columns in self.groups for name in columns]
        lines = [[escape_markdown(name) for name in (*self.words, *names)],
                 ['---', *['---' if name != TUNABLE else '---:' for name in self.words[1:]], *['---:'] * len(names)]]
        for line in self.lines:
            first, *rest = map(escape_markdown, line.words)
            name = (f'*{first}*' if line.ours else first) + _raised(line.notes)
            lines.append([name, *rest, *map(_markdown, line.figures)])
        parts = ['\n'.join(f'| {" | ".join(line)} |' for line in lines)]
        if heading:
            parts.insert(0, f'# {escape_markdown(self.title)}')
        if self.notes:
            parts.append('\n'.join(f'{number}. {escape_markdown(note)}' for number, note in enumerate(self.notes, 1)))
        parts += map(escape_markdown, self.remarks)
        return '\n\n'.join(parts) + '\n'

    def latex(self) -> str:
        """A ``table`` of its own, made as narrow as the line where it is wider; it wants booktabs and graphicx."""
        lines = ['% wants \\usepackage{booktabs,graphicx}; figures in per cent', '\\begin{table}', '\\centering',
                 f'\\caption{{{escape_latex(self.title)}}}\\smallskip',
                 '\\sbox0{%', f'\\begin{{tabular}}{{{self._alignment()}}}', '\\toprule', *self._head(), '\\midrule']
        for before, line in zip((None, *self.lines), self.lines):
            if before is not None and before.ours and not line.ours:
                lines.append('\\addlinespace')
            first, *rest = map(escape_latex, line.words)
            name = (f'\\quad\\textit{{{first}}}' if line.ours else first) + _latex_marks(line.notes)
            lines.append(f'{" & ".join([name, *rest, *map(_latex, line.figures)])} \\\\')
        lines += ['\\bottomrule', '\\end{tabular}}%',
                  '\\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi']
        below = [f'\\textsuperscript{{{number}}} {escape_latex(note)}' for number, note in enumerate(self.notes, 1)]
        below += map(escape_latex, self.remarks)
        if below:
            lines.append('\\par\\smallskip\\begin{minipage}{\\linewidth}\\footnotesize\\raggedright\n'
                         + '\\par\n'.join(below) + '\n\\end{minipage}')
        return '\n'.join([*lines, '\\end{table}']) + '\n'

    def _alignment(self) -> str:
        words = ''.join('r' if name == TUNABLE else 'l' for name in self.words)
        return words + ''.join('c' * len(columns) for _, columns in self.groups)

    def _head(self) -> list[str]:
        above, rules, place = [''] * len(self.words), [], len(self.words) + 1
        for group, names in self.groups:
            above.append(f'\\multicolumn{{{len(names)}}}{{c}}{{{escape_latex(group)}}}')
            rules.append(f'\\cmidrule(lr){{{place}-{place + len(names) - 1}}}')
            place += len(names)
        columns = [name for _, columns in self.groups for name in columns]
        below = map(escape_latex, (*self.words, *columns))
        return [f'{" & ".join(above)} \\\\', ''.join(rules), f'{" & ".join(below)} \\\\']


def _text(figure: Figure) -> str:
    if figure.value is None:
        return figure.missing
    return f'{figure.value:.2f}' + ('' if figure.std is None else f' ± {figure.std:.2f}')


def _markdown(figure: Figure) -> str:
    text = _text(figure)
    return (f'**{text}**' if figure.best else text) + _raised(figure.notes)


def _latex(figure: Figure) -> str:
    text = escape_latex(_text(figure))
    if figure.value is None and text == NOT_MEASURED:
        text = f'\\textit{{{text}}}'
    return (f'\\textbf{{{text}}}' if figure.best else text) + _latex_marks(figure.notes)


def _raised(numbers: Sequence[int]) -> str:
    return ''.join(f' {str(number).translate(RAISED)}' for number in numbers)


def _latex_marks(numbers: Sequence[int]) -> str:
    return f'\\textsuperscript{{{",".join(map(str, numbers))}}}' if numbers else ''
