"""Pictures as data URIs, so that a page needs no other file."""
from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..class_bars import plot_class_bars
from ..confusion import plot_confusion_matrix
from ..curves import plot_curves
from .tables import titles

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


def draw_pictures(report: Mapping[str, Any], curves: Mapping[str, Sequence[Mapping]]) -> dict[str, str]:
    """Draw what a report has the figures for.

    Args:
        report: of :func:`mmdfer.runs.report.gather`.
        curves: the runs' scalars by name.

    Returns:
        SVG data URIs under ``curves``, ``confusion_<kind of epoch>`` and ``bars``; what was not measured has none.
    """
    pictures, classes = {}, report['classes']
    if curves:
        named = curves if len(curves) > 1 else {'': next(iter(curves.values()))}
        pictures['curves'] = svg_uri(plot_curves(named, None))
    for kind, title in titles(report).items():
        if report[kind]['pooled'] is not None:
            folds = report[kind]['folds']
            epoch = folds[0]['epoch']
            told = f'{len(folds)} folds added' if len(folds) > 1 else '' if epoch is None else f'epoch {epoch}'
            pictures[f'confusion_{kind}'] = svg_uri(
                plot_confusion_matrix(report[kind]['pooled']['confusion'], classes, None,
                                      ', '.join(filter(None, (title, told)))))
    recalls = {title: [fold['recall'] for fold in report[kind]['folds']] for kind, title in titles(report).items()
               if report[kind]['recall'] is not None}
    if recalls:
        pictures['bars'] = svg_uri(plot_class_bars(recalls, classes, None))
    return pictures


def svg_uri(figure: Figure) -> str:
    """A figure as an SVG data URI; equal figures give equal texts."""
    import matplotlib
    stream = io.BytesIO()
    with matplotlib.rc_context({'svg.hashsalt': 'mmdfer'}):
        figure.savefig(stream, format='svg', metadata=dict(Date=None))
    return _uri('image/svg+xml', stream.getvalue())


def strip_uri(image: np.ndarray, quality: int = 85) -> str:
    """An (H, W, 3) RGB uint8 picture as a JPEG data URI."""
    import cv2
    return _uri('image/jpeg', cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def _uri(kind: str, content: bytes) -> str:
    return f'data:{kind};base64,{base64.b64encode(content).decode("ascii")}'
