"""The frames of a clip side by side."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def film_strip(frames: Sequence[np.ndarray], count: int = 8, height: int = 96, gap: int = 3) -> np.ndarray:
    """Lay out frames spread evenly over a clip in a row.

    Args:
        frames: (H, W, 3) uint8, one or more.
        count: most frames of the strip.
        height: of the strip in pixels; widths follow.
        gap: white pixels between frames.

    Returns:
        (height, W, 3) uint8.

    Raises:
        ValueError: for no frame, or one that is no picture.
    """
    import cv2
    if not len(frames):
        raise ValueError('frames is empty: a film strip has at least one')
    for index, frame in enumerate(frames):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f'frames[{index}] is {frame.dtype} of shape {frame.shape}, not (H, W, 3) uint8')
    chosen = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    border = np.full((height, gap, 3), 255, np.uint8)
    pieces = []
    for index in chosen:
        width = max(1, round(frames[index].shape[1] * height / frames[index].shape[0]))
        pieces += [border, cv2.resize(frames[index], (width, height), interpolation=cv2.INTER_LINEAR)]
    return np.concatenate(pieces[1:], axis=1)
