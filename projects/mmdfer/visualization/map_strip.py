"""A clip's frames above its parsing and landmark maps."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .figure import new_figure, save
from .film_strip import film_strip

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def map_strip(frames: Sequence[np.ndarray], maps: Mapping[str, np.ndarray], count: int = 8, height: int = 96,
              gap: int = 3) -> np.ndarray:
    """Lay out frames spread over a clip in a row, and below them the maps of the same frames, a row a kind.

    Args:
        frames: (H, W, 3) uint8, T of them.
        maps: by kind, (3, T, H, W) uint8 as the pipeline packs them.
        count: most frames of a row.
        height: of a row in pixels.
        gap: white pixels between pictures.

    Returns:
        (rows · height + gaps, W, 3) uint8.

    Raises:
        ValueError: for no frame, or maps of other frames.
    """
    rows = [film_strip(frames, count, height, gap)]
    border = np.full((gap, rows[0].shape[1], 3), 255, np.uint8)
    for kind, planes in maps.items():
        pictures = np.asarray(planes).transpose(1, 2, 3, 0)                    # (3, T, H, W) -> (T, H, W, 3)
        if pictures.shape[:3] != (len(frames), *frames[0].shape[:2]):
            raise ValueError(
                f'{kind} maps are {pictures.shape[0]} of {pictures.shape[1:3]}, the frames {len(frames)} of '
                f'{frames[0].shape[:2]}: both must be of one view')
        rows += [border, film_strip(np.ascontiguousarray(pictures), count, height, gap)]
    return np.concatenate(rows)


def strip_sheet(strips: Sequence[np.ndarray], captions: Sequence[str], path: str | os.PathLike | None) -> Figure:
    """Draw strips of pictures below each other at their own size, each under its caption.

    Args:
        strips: (H, W, 3) uint8, one or more.
        captions: one a strip.
        path: the picture's file; ``None`` to draw without writing.

    Raises:
        ValueError: for no strip, or captions of another number.
    """
    if not len(strips) or len(strips) != len(captions):
        raise ValueError(f'{len(strips)} strips and {len(captions)} captions: give one a strip, and at least one')
    dpi, line = 100, 0.25                                                       # inches of a caption
    heights = [strip.shape[0] / dpi + line for strip in strips]
    figure = new_figure(max(strip.shape[1] for strip in strips) / dpi + 0.2, sum(heights) + 0.1)
    figure.get_layout_engine().set(w_pad=0.05, h_pad=0.02, hspace=0)
    grid = figure.add_gridspec(len(strips), 1, height_ratios=heights)
    for place, strip, caption in zip(grid, strips, captions):
        axes = figure.add_subplot(place)
        axes.imshow(strip)
        axes.set_anchor('NW')
        axes.axis('off')
        axes.set_title(caption, fontsize=9, loc='left', pad=2)
    return save(figure, path)
