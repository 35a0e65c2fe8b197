"""One face out of a picture, and a picture as a clip of one frame."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS


@TRANSFORMS.register_module()
class CropFaceBox(BaseTransform):
    """Crop ``img`` (H, W, 3) to the square around ``face_box`` (x, y, width, height); without a box it stays whole.

    The square has the box's centre and its longer side, and ends at the picture's edges. A box that lies
    outside the picture leaves it whole.

    Args:
        margin: share of the longer side that is added to it.

    Raises:
        ValueError: for a negative margin.
    """

    def __init__(self, margin: float = 0.) -> None:
        if margin < 0:
            raise ValueError(f'CropFaceBox: margin={margin} cuts into the face box; give 0 or more')
        self.margin = margin

    def transform(self, results: dict) -> dict:
        if 'face_box' not in results:
            return results
        x, y, width, height = results['face_box']
        side = max(width, height) * (1 + self.margin)
        left, top = x + width / 2 - side / 2, y + height / 2 - side / 2
        rows, columns = results['img'].shape[:2]
        crop = results['img'][_span(top, side, rows), _span(left, side, columns)]
        if crop.size:
            results['img'] = crop
            results['img_shape'] = crop.shape[:2]
        return results


def _span(start: float, length: float, limit: int) -> slice:
    return slice(min(max(round(start), 0), limit), min(max(round(start + length), 0), limit))


@TRANSFORMS.register_module()
class ImageToClip(BaseTransform):
    """Make ``img`` (H, W, 3), BGR as mmpretrain loads it, and ``gt_label`` a clip of one RGB frame and its ``label``.

    Transforms of clips go on from there.
    """

    def transform(self, results: dict) -> dict:
        image = np.ascontiguousarray(results.pop('img')[..., ::-1])
        return dict(results, imgs=[image], label=results['gt_label'], num_clips=1, clip_len=1, modality='RGB',
                    original_shape=image.shape[:2], img_shape=image.shape[:2])
