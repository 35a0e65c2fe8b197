"""Figures without pyplot: drawing touches no global state of matplotlib and needs no display."""
from __future__ import annotations

import os
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import whole_file
from ..labels import class_colours

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Fonts of scripts that matplotlib's own font lacks, as systems have them.
SCRIPTS = ('Noto Sans CJK SC', 'Noto Sans CJK JP', 'Source Han Sans SC', 'WenQuanYi Micro Hei', 'Microsoft YaHei',
           'PingFang SC', 'Hiragino Sans', 'Malgun Gothic', 'Noto Sans Devanagari', 'Noto Sans Thai',
           'Arial Unicode MS')
# The report's fonts, of which a picture takes the first that is installed; text of an SVG stays text, in the page's.
PAGE_FONTS = ('Segoe UI', 'Helvetica Neue', 'Arial', 'DejaVu Sans')
FORMATS = ('png', 'pdf', 'svg')
# Colours of series that are no classes (Okabe and Ito, 2008), told apart with any kind of sight.
SERIES = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000')
UNKNOWN = class_colours(('',))[0]      # what labels.py gives a class it does not know

# What lies on the page itself, not on a coloured cell: texts and lines, lesser texts, grids. Reports show the three in
# other shades on a dark page (report/pictures.py).
INK, SOFT, GRID = '#000000', '#5b6472', '#e4e4e4'


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of that many inches, drawn by Agg."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), facecolor='white', layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: str | os.PathLike | None, dpi: int = 150) -> Figure:
    """Write a figure, making the folder; the file's ending (.png, .pdf, .svg) decides the format. Without a path
    nothing is written.

    Texts are drawn as they are: a name such as ``run_$1_$2`` is no formula, and one in another script is drawn in a
    font that has it, where one is installed.
    """
    from matplotlib.text import Text
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        if not text.get_text().isascii():
            text.set_fontfamily(['sans-serif', *other_fonts()])
    if path is None:
        return figure
    form = Path(path).suffix[1:] or 'png'
    # No date, so that equal figures are equal files.
    dated = dict(svg=dict(Date=None), pdf=dict(CreationDate=None)).get(form)
    with whole_file(path) as partial, _page_style(), _missing_letters_told_once():
        if form == 'png':
            _write_png(figure, partial, dpi)
        else:
            figure.savefig(partial, dpi=dpi, format=form, metadata=dated)
    return figure


def _write_png(figure: Figure, path: Path, dpi: int) -> None:
    """What ``savefig`` writes, drawn once: it draws twice, the first time for a layout that needs no drawing."""
    before = figure.dpi
    figure.dpi = dpi
    try:
        figure.canvas.print_png(path)
    finally:
        figure.dpi = before


def save_formats(figure: Figure, stem: str | os.PathLike, formats: Sequence[str] = ('png',)) -> list[Path]:
    """Write a figure as ``<stem>.<format>`` for each format, of :data:`FORMATS`; the files.

    Raises:
        ValueError: for another format.
    """
    check_formats(formats)
    written = []
    for form in formats:
        written.append(Path(f'{os.fspath(stem)}.{form}'))
        save(figure, written[-1])
    return written


def check_formats(formats: Sequence[str]) -> None:
    """Refuse formats that figures are not written in.

    Raises:
        ValueError: naming those that they are.
    """
    other = [form for form in formats if form not in FORMATS]
    if other or not formats:
        raise ValueError(f'format {", ".join(other) or "()"}: figures are written as {", ".join(FORMATS)}')


@contextmanager
def _page_style() -> Iterator[None]:
    import matplotlib
    with matplotlib.rc_context({'font.sans-serif': list(PAGE_FONTS), 'svg.fonttype': 'none', 'pdf.fonttype': 42,
                                'svg.hashsalt': 'mmdfer'}):
        yield


@contextmanager
def _missing_letters_told_once() -> Iterator[None]:
    """One warning that says what to do, in place of matplotlib's for each letter."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        yield
    missing = [one for one in told if 'missing from' in str(one.message)]
    for one in told:
        if one not in missing:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if missing:
        letter = str(missing[0].message).partition(' missing')[0]
        warnings.warn(f'no font of this machine has all letters of a picture ({letter}); they are drawn as boxes: '
                      'install one that has, such as Noto Sans CJK', stacklevel=4)


@lru_cache
def other_fonts() -> tuple[str, ...]:
    """Those of ``SCRIPTS`` that are installed."""
    from matplotlib.font_manager import fontManager
    return tuple(name for name in SCRIPTS if name in {font.name for font in fontManager.ttflist})


def legend_text(text: str) -> str | None:
    """A text for a legend, which leaves out one that begins with an underscore: a space of no width goes before."""
    return f'\u200b{text}' if text.startswith('_') else text or None


def whole_ticks(axis: Axis) -> None:
    """Ticks of an axis that counts: at whole numbers alone."""
    from matplotlib.ticker import MaxNLocator
    axis.set_major_locator(MaxNLocator('auto', integer=True, min_n_ticks=1))


def legend_below(figure: Figure, entries: Sequence[tuple[dict, str]], fontsize: float = 9) -> None:
    """A legend below all axes, over no line of theirs and within the figure, which grows by its height.

    Args:
        figure: of :func:`new_figure`.
        entries: for each line its look, as matplotlib's ``Line2D`` takes it, and its name. Long names are broken.
        fontsize: in points.
    """
    if not entries:
        return
    from matplotlib.lines import Line2D
    width, height = figure.get_size_inches()
    letter, handle = 0.62 * fontsize / 72, 5.5 * fontsize / 72              # inches
    most = int((width - 0.2 - handle) / letter)
    names = ['\n'.join(textwrap.wrap(name, most, drop_whitespace=False)) or name for _, name in entries]
    longest = max(len(line) for name in names for line in name.split('\n'))
    columns = min(max(int((width - 0.2) / (longest * letter + handle)), 1), len(names))
    rows, deepest = -(-len(names) // columns), max(name.count('\n') + 1 for name in names)
    figure.set_size_inches(width, height + 1.45 * fontsize / 72 * rows * deepest)
    figure.legend([Line2D([], [], **look) for look, _ in entries], [legend_text(name) for name in names],
                  loc='outside lower center', ncols=columns, frameon=False, fontsize=fontsize,
                  handlelength=2.8)


def ink_on(colour: str | Sequence[float]) -> str:
    """Black or white, whichever reads better on a colour: by the contrast of luminances (WCAG 2)."""
    from matplotlib.colors import to_rgb
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055)**2.4 for part in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return '#111111' if (luminance + 0.05) / 0.056 > 1.05 / (luminance + 0.05) else 'white'


def distinct_colours(names: Sequence[str]) -> list:
    """A colour for each class name: the emotion's where it has one, else one from a map of twenty."""
    from matplotlib import colormaps
    # The map holds five hues of four shades each: go through the hues first.
    spare = (colormaps['tab20b']((4 * index + index // 5) % 20) for index in range(len(names)))
    return [next(spare) if colour == UNKNOWN else colour for colour in class_colours(tuple(names))]
