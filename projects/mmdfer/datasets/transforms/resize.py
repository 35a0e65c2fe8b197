"""Resizing of frames by Pillow's filter, as torchvision's transforms of pictures do it."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from ...registry import TRANSFORMS


@TRANSFORMS.register_module()
class PillowResize(BaseTransform):
    """Resize every frame of ``imgs``, RGB (H, W, 3) of uint8, to one size, to the pixels that Pillow gives.

    Its bilinear filter takes in all pixels that a smaller one stands for; OpenCV's, which ``Resize`` is, looks at four,
    so that a model trained behind the one sees other pixels behind the other. Frames of the size already stay as they
    are. Maps and points beside the frames are not moved.

    Args:
        scale: width and height in pixels; the ratio is not kept.

    Raises:
        ValueError: for a size that is no two positive numbers.
    """

    def __init__(self, scale: Sequence[int]) -> None:
        if len(scale) != 2 or min(scale) < 1:
            raise ValueError(f'PillowResize: scale={tuple(scale)}; expected width and height in pixels')
        self.scale = (int(scale[0]), int(scale[1]))

    def transform(self, results: dict) -> dict:
        frames = [np.array(Image.fromarray(frame).resize(self.scale, Image.Resampling.BILINEAR))
                  if frame.shape[1::-1] != self.scale else frame for frame in results['imgs']]
        return dict(results, imgs=frames, img_shape=self.scale[::-1])
