"""Many small pictures on one sheet."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def contact_sheet(images: Sequence[np.ndarray], path: str | Path, columns: int = 8,
                  captions: Sequence[str] | None = None) -> Figure:
    """Lay out pictures in rows, each with its caption.

    Args:
        images: (H, W, 3) RGB or (H, W) grey, uint8; the sizes may differ.
        path: the sheet's file.
        columns: pictures a row.
        captions: one a picture.

    Returns:
        The figure, its axes in the order of the pictures.

    Raises:
        ValueError: for no picture, a picture of another form, or captions of another number.
    """
    if not len(images):
        raise ValueError('images is empty: there is nothing to lay out')
    if columns < 1:
        raise ValueError(f'columns={columns}: at least 1 picture a row')
    if captions is not None and len(captions) != len(images):
        raise ValueError(f'{len(images)} images, {len(captions)} captions: give one a picture')
    for index, image in enumerate(images):
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.ndim == 3 and image.shape[2] != 3:
            raise ValueError(f'images[{index}] is {image.dtype} of shape {image.shape}, not (H, W, 3) or (H, W) uint8')

    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = max(caption.count('\n') + 1 for caption in captions) if captions else 0
    figure = new_figure(1.5 * columns, (1.5 + 0.15 * lines) * rows)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03, wspace=0.01, hspace=0.01)
    for index, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(image, cmap='gray', vmin=0, vmax=255)
        axes.set_anchor('N')
        axes.axis('off')
        if captions:
            axes.set_title(captions[index], fontsize=8, pad=2)
    return save(figure, path)
