"""How much of a map lies on each region of the face."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def region_weights(maps: np.ndarray, labels: np.ndarray,
                   regions: Mapping[str, Sequence[int]]) -> dict[str, tuple[float, float]]:
    """Shares of a map and of the picture that fall on regions.

    Args:
        maps: (T, h, w), not negative; a cell lies evenly on the pixels under it.
        labels: (T, H, W) region ids of the pixels, of the same frames.
        regions: ids by name.

    Returns:
        By name the region's share of the map's sum, and of the pixels.

    Raises:
        ValueError: for labels of other frames, and a map that is zero everywhere.
    """
    maps = np.asarray(maps, dtype=float)
    if maps.ndim != 3 or labels.ndim != 3 or len(maps) != len(labels):
        raise ValueError(f'maps {maps.shape} and labels {labels.shape}: expected (T, h, w) and (T, H, W) of one T')
    if not maps.sum() > 0:
        raise ValueError('the map is zero everywhere, so that no region has a share of it')
    rows, columns = (np.arange(size) * cells // size for size, cells in zip(labels.shape[1:], maps.shape[1:]))
    pixels = maps[:, rows[:, None], columns]                                    # (T, H, W)
    pixels = pixels / pixels.sum()
    inside = {name: np.isin(labels, list(ids)) for name, ids in regions.items()}
    return {name: (float(pixels[mask].sum()), float(mask.mean())) for name, mask in inside.items()}


def density(shares: Sequence[tuple[float, float]]) -> float:
    """Weight of a pixel of a region beside that of a mean pixel, over clips; NaN where the region is in none.

    Args:
        shares: the region's shares of the map and of the pixels, of each clip.
    """
    map_share, pixel_share = np.asarray(shares, dtype=float).reshape(-1, 2).sum(axis=0)
    return float(map_share / pixel_share) if pixel_share > 0 else float('nan')
