"""Pictures as data URIs, so that a page needs no other file, each legible on a light and on a dark page."""
from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..class_rows import plot_class_rows
from ..confusion import plot_confusion_matrix
from ..curves import PANELS, plot_panel
from ..figure import GRID, INK, SOFT
from ..reliability import plot_reliability
from .tables import titles

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

# What lies on the page itself changes with the page; colours that are dim on a dark one become lighter.
ON_DARK = {INK: '#dfe3e9', SOFT: '#a4adba', GRID: '#353c47', '#ffffff': '#14171c', '#4169b0': '#86a6e6',
           '#7d4fa3': '#b892e0'}
RULES = ''.join(f'[style*="{what}: {light}"]{{{what}:{dark}!important}}' for light, dark in ON_DARK.items()
                for what in ('stroke', 'fill') if (what, light) != ('fill', '#ffffff'))     # letters on a cell stay
STYLE = ('text{font-family:system-ui,"Segoe UI","Helvetica Neue",Arial,"DejaVu Sans",sans-serif!important}'
         f'@media screen and (prefers-color-scheme:dark){{svg{{fill:{ON_DARK[INK]}}}{RULES}}}')


def draw_pictures(report: Mapping[str, Any], curves: Mapping[str, Sequence[Mapping]]) -> dict[str, str]:
    """Draw what a report has the figures for.

    Args:
        report: of :func:`mmdfer.runs.report.gather`.
        curves: the runs' scalars by name.

    Returns:
        SVG data URIs under ``curves_<panel>``, ``confusion_<kind of epoch>``, ``bars`` and ``reliability``; what was
        not measured has none.
    """
    pictures, classes, named = {}, report['classes'], titles(report)
    if curves:
        pictures.update(draw_curves(curves if len(curves) > 1 else {'': next(iter(curves.values()))}))
    for kind, title in named.items():
        if report[kind]['pooled'] is not None:
            folds = report[kind]['folds']
            epoch = folds[0]['epoch']
            told = f'{len(folds)} folds added' if len(folds) > 1 else '' if epoch is None else f'epoch {epoch}'
            told = ', '.join(filter(None, (title, told)))
            pictures[f'confusion_{kind}'] = svg_uri(plot_confusion_matrix(
                report[kind]['pooled']['confusion'], classes, None, told, recalls=False))
    recalls = {title: [fold['recall'] for fold in report[kind]['folds']] for kind, title in named.items()
               if report[kind]['recall'] is not None}
    if recalls:
        inside = report[next(iter(named))]['intervals']
        pictures['bars'] = svg_uri(plot_class_rows(recalls, classes, None, inside and inside['recall'],
                                                   inside and f'{100 * inside["level"]:.0f} % interval'))
    if report['calibration']:
        cooled = report['calibration']['temperature']
        pictures['reliability'] = svg_uri(plot_reliability(report['calibration']['bins'], None,
                                                           cooled and cooled['bins']))
    return pictures


def draw_curves(curves: Mapping[str, Sequence[Mapping]]) -> dict[str, str]:
    """The panels of the runs' curves as SVG data URIs under ``curves_<panel>``."""
    return {f'curves_{panel}': svg_uri(plot_panel(panel, curves, None)) for panel in PANELS}


def svg_uri(figure: Figure) -> str:
    """A figure as an SVG data URI without a ground of its own, with the page's font; equal figures give equal texts."""
    import matplotlib
    stream = io.StringIO()
    with matplotlib.rc_context({'svg.hashsalt': 'mmdfer', 'svg.fonttype': 'none'}):
        figure.savefig(stream, format='svg', metadata=dict(Date=None), transparent=True)
    text = stream.getvalue().replace('</defs>', f'<style>{STYLE}</style></defs>', 1)
    return _uri('image/svg+xml', text.encode('utf-8'))


def strip_uri(image: np.ndarray, quality: int = 85) -> str:
    """An (H, W, 3) RGB uint8 picture as a JPEG data URI."""
    import cv2
    return _uri('image/jpeg', cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def _uri(kind: str, content: bytes) -> str:
    return f'data:{kind};base64,{base64.b64encode(content).decode("ascii")}'
