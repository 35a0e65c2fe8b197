"""Colour jitter of a clip, many times as fast as MMAction2's."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import cv2
import numpy as np
from mmaction.datasets.transforms import ColorJitter

from ...imports import compiled
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
        if self.hue != (0, 0):
            compiled_hues()                                     # once, in place of once in every worker

    def transform(self, results: dict) -> dict:
        factors = [np.random.uniform(*span) for span in (self.brightness, self.contrast, self.saturation, self.hue)]
        results['imgs'] = jitter(results['imgs'], factors, np.random.permutation(4))
        return results


def jitter(frames: Sequence[np.ndarray], factors: Sequence[float], order: Sequence[int]) -> np.ndarray:
    """Frames (H, W, 3) of one size with brightness, contrast, saturation and hue changed in the given order.

    Contrast is about each frame's own mean grey, as in MMAction2. Hues turn in code that numba compiles, or by OpenCV
    where that is not there; the results are within a grey level of each other.
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
    turned = (CompiledTurn if compiled_hues() else Turn)(before, int(factors[HUE] * 255), out[0].shape)
    for frame, target in zip(frames, out):
        turned(frame, target)
        _apply(after, target, target)
    return out


@dataclass(frozen=True)
class Colours:
    """x -> A x + o m, where m is the mean grey of the frame: A (3, 3), o a number."""
    matrix: np.ndarray
    offset: float

    def affine(self, grey: float) -> np.ndarray:
        """(3, 4): a matrix and what is added, for a frame of this mean grey."""
        return np.column_stack((self.matrix, np.full(3, self.offset * grey)))


def _colour_map(steps: Sequence[int], factors: Sequence[float]) -> Colours | None:
    """The steps, none of which is the hue's, as one; ``None`` for no change."""
    if not len(steps):
        return None
    matrix, offset, unit = np.eye(3), 0., GREY.sum()
    for step in steps:
        factor = factors[step]
        if step == BRIGHTNESS:
            matrix, offset = factor * matrix, factor * offset
        elif step == CONTRAST:
            # Each step multiplies a colour's grey by a number, so that the mean's weights are a multiple of grey's.
            share = (GREY @ matrix).sum() / unit
            matrix, offset = factor * matrix, factor * offset + (1 - factor) * (share + offset * unit)
        else:
            matrix = (factor * np.eye(3) + (1 - factor) * np.tile(GREY, (3, 1))) @ matrix
            offset *= factor + (1 - factor) * unit
    return Colours(matrix, offset)


def _apply(colours: Colours | None, frame: np.ndarray, out: np.ndarray) -> None:
    if colours is None:
        if out is not frame:
            np.copyto(out, frame)
        return
    grey = cv2.mean(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))[0] if colours.offset else 0.
    affine = colours.affine(grey)
    affine[:, 3] -= 0.499                                       # MMAction2 cuts fractions off, OpenCV rounds
    if affine[0, 1]:
        cv2.transform(frame, affine, out)
    else:                                                       # no saturation: a third of the time
        cv2.addWeighted(frame, affine[0, 0], frame, 0, affine[0, 3], out)


def compiled_hues() -> ModuleType | None:
    """The compiled turn of hues, or ``None`` where there is none."""
    return compiled('datasets.transforms._hues', 'ClipColorJitter turns hues by OpenCV')


class Turn:
    """Change the colours of a frame and turn its hues, by OpenCV.

    Args:
        colours: what comes before the turn.
        shift: in hues of 2 degrees.
        shape: of each frame, (H, W, 3).
    """

    def __init__(self, colours: Colours | None, shift: int, shape: tuple[int, ...]) -> None:
        self.colours = colours
        self.hsv, self.added = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
        # What to subtract from, and what to add to, the bytes of an HSV frame; 0 for S and V.
        back = -shift % HUES
        row = np.zeros((2, *shape[1:]), np.uint8)
        row[:, :, 0] = [[back], [HUES - back]]
        self.back, self.forth = (np.repeat(one[None], shape[0], axis=0) for one in row)

    def __call__(self, frame: np.ndarray, out: np.ndarray) -> None:
        """H - back, or H + 180 - back where that is below 0.

        Below 0 the difference wraps to more than the sum, and above it is less than the saturated sum: the lesser
        of both is the hue, at a byte a time without a table.
        """
        _apply(self.colours, frame, out)
        cv2.cvtColor(out, cv2.COLOR_RGB2HSV, self.hsv)
        cv2.add(self.hsv, self.forth, self.added)
        np.subtract(self.hsv, self.back, out=self.hsv)
        np.minimum(self.hsv, self.added, out=self.hsv)
        cv2.cvtColor(self.hsv, cv2.COLOR_HSV2RGB, out)


class CompiledTurn:
    """:class:`Turn` in one pass over a frame's pixels."""

    def __init__(self, colours: Colours | None, shift: int, shape: tuple[int, ...]) -> None:
        self.colours = Colours(np.eye(3), 0) if colours is None else colours
        self.shift, self.hues = shift, compiled_hues()
        self.planes = list(np.empty((3, *shape[:2]), np.uint8))
        self.flat = [plane.reshape(-1) for plane in self.planes]

    def __call__(self, frame: np.ndarray, out: np.ndarray) -> None:
        cv2.split(frame, self.planes)
        grey = GREY @ [cv2.mean(plane)[0] for plane in self.planes] if self.colours.offset else 0.
        self.hues.turn_hues(*self.flat, self.colours.affine(grey).astype(np.float32), self.shift)
        cv2.merge(self.planes, out)
