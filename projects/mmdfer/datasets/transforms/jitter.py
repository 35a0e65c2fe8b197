"""Colour jitter of a clip, many times as fast as MMAction2's."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmaction.datasets.transforms import ColorJitter

from ...registry import TRANSFORMS

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
GREY = np.array([0.2989, 0.587, 0.114])
HUES = 180                                                  # OpenCV's circle of hues


@TRANSFORMS.register_module()
class ClipColorJitter(ColorJitter):
    """MMAction2's ``ColorJitter`` to within a grey level or two, on bytes.

    Brightness, contrast and saturation are linear in the colours, so those before the hue's turn are one
    product by a 3x3 matrix, and so are those after it. Factors and the order of the four are drawn once a clip;
    MMAction2 draws the order once, when the pipeline is built. Its ``hue`` counts 255 steps of the 180 in a
    circle, and so does ours. The results hold one array (T, H, W, 3) of uint8; the input stays as it is.

    Args:
        brightness, contrast, saturation: factors are drawn from 1 ± this, or from the given range.
        hue: the shift is drawn from ± this, or from the given range.
    """

    def __init__(self, brightness: float | tuple = 0.5, contrast: float | tuple = 0.5, saturation: float | tuple = 0.5,
                 hue: float | tuple = 0.1) -> None:
        for name, value in (('brightness', brightness), ('contrast', contrast), ('saturation', saturation),
                            ('hue', hue)):
            limit = 0.5 if name == 'hue' else 1
            if not isinstance(value, tuple) and not 0 <= value <= limit:
                raise ValueError(f'ClipColorJitter: {name}={value}; expected 0 to {limit}, or a range')
        super().__init__(brightness, contrast, saturation, hue)
        del self.fn_idx

    def transform(self, results: dict) -> dict:
        factors = [np.random.uniform(*span) for span in (self.brightness, self.contrast, self.saturation, self.hue)]
        results['imgs'] = jitter(results['imgs'], factors, np.random.permutation(4))
        return results


def jitter(frames: Sequence[np.ndarray], factors: Sequence[float], order: Sequence[int]) -> np.ndarray:
    """Frames (H, W, 3) of one size with brightness, contrast, saturation and hue changed in the given order.

    Contrast is about each frame's own mean grey, as in MMAction2.
    """
    out = np.empty((len(frames), *frames[0].shape), np.uint8)
    steps = [step for step in order if factors[step] != (0 if step == HUE else 1)]
    if HUE not in steps:
        colours = _colour_map(steps, factors)
        for frame, target in zip(frames, out):
            _apply(colours, frame, target)
        return out
    turn = steps.index(HUE)
    before, after = _colour_map(steps[:turn], factors), _colour_map(steps[turn + 1:], factors)
    shift = _hue_shift(int(factors[HUE] * 255), out[0].shape)
    for frame, target in zip(frames, out):
        _apply(before, frame, target)
        _turn_hue(target, *shift)
        _apply(after, target, target)
    return out


def _colour_map(steps: Sequence[int], factors: Sequence[float]) -> tuple[np.ndarray, np.ndarray] | None:
    """Matrices A, O (3, 3) of x -> A x + O m, where m is the mean colour of the frame; ``None`` for no change."""
    if not len(steps):
        return None
    matrix, offset = np.eye(3), np.zeros((3, 3))
    for step in steps:
        factor = factors[step]
        to_grey = (1 - factor) * np.tile(GREY, (3, 1))
        if step == BRIGHTNESS:
            matrix, offset = factor * matrix, factor * offset
        elif step == CONTRAST:
            matrix, offset = factor * matrix, factor * offset + to_grey @ (matrix + offset)
        else:
            saturate = factor * np.eye(3) + to_grey
            matrix, offset = saturate @ matrix, saturate @ offset
    return matrix, offset


def _apply(colours: tuple[np.ndarray, np.ndarray] | None, frame: np.ndarray, out: np.ndarray) -> None:
    if colours is None:
        if out is not frame:
            np.copyto(out, frame)
        return
    matrix, offset = colours
    mean = cv2.mean(frame)[:3] if offset.any() else (0., 0., 0.)
    # MMAction2 cuts fractions off, OpenCV rounds.
    cv2.transform(frame, np.column_stack((matrix, offset @ mean - 0.499)), out)


def _hue_shift(shift: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What to subtract from, and what to add to, the bytes of an HSV frame to turn its hue; 0 for S and V."""
    back = -shift % HUES
    row = np.zeros((2, *shape[1:]), np.uint8)
    row[:, :, 0] = [[back], [HUES - back]]
    return tuple(np.repeat(one[None], shape[0], axis=0) for one in row)


def _turn_hue(frame: np.ndarray, back: np.ndarray, forth: np.ndarray) -> None:
    """Turn the hue in place: H - back, or H + 180 - back where that is below 0.

    Below 0 the difference wraps to more than the sum, and above it is less than the saturated sum: the lesser
    of both is the hue, at a byte a time without a table.
    """
    hsv = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
    added = cv2.add(hsv, forth)
    np.subtract(hsv, back, out=hsv)
    np.minimum(hsv, added, out=hsv)
    cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB, frame)
