"""timm's RandAugment on a clip: what is drawn for its first frame is done to all."""
from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from ...registry import TRANSFORMS

if TYPE_CHECKING:
    from timm.data.auto_augment import RandAugment


@TRANSFORMS.register_module()
class ClipRandAugment(BaseTransform):
    """RandAugment as timm has it, by its own description such as ``rand-m7-n4-mstd0.5-inc1``, drawn once a clip.

    The masked-autoencoder line of DFER augments so. ``TorchVisionWrapper(op='RandAugment')`` is another one: its
    operations are fewer, always act, and have no spread of magnitude. timm draws from Python's and NumPy's generators
    while it works on a frame, so every frame is begun from the same state of both.

    Args:
        policy: timm's description: ``m`` the magnitude, ``n`` the operations a clip, ``mstd`` the spread of the
            magnitude, ``inc1`` the operations that grow with it, ``p`` the probability of each (0.5).
        interpolation: Pillow's filter, by its name.

    Raises:
        ImportError: without timm.
        ValueError: for a description that timm does not read, or an unknown filter.
    """

    def __init__(self, policy: str = 'rand-m7-n4-mstd0.5-inc1', interpolation: str = 'bicubic') -> None:
        try:
            from timm.data.auto_augment import rand_augment_transform
        except ImportError:
            raise ImportError('ClipRandAugment: RandAugment is timm\'s, which is not there: pip install timm') from None
        filters = {one.name.lower(): one for one in Image.Resampling}
        if interpolation not in filters:
            raise ValueError(f'ClipRandAugment: interpolation={interpolation!r}; expected one of {", ".join(filters)}')
        self.policy = policy
        try:
            self.augment: RandAugment = rand_augment_transform(policy, dict(interpolation=filters[interpolation]))
        except (AssertionError, ValueError) as error:
            raise ValueError(f'ClipRandAugment: policy={policy!r} is no description of timm\'s RandAugment ({error}); '
                             'expected such as rand-m7-n4-mstd0.5-inc1') from None

    def transform(self, results: dict) -> dict:
        begin = random.getstate(), np.random.get_state()
        frames = []
        for frame in results['imgs']:
            random.setstate(begin[0])
            np.random.set_state(begin[1])
            frames.append(np.array(self.augment(Image.fromarray(frame))))
        return dict(results, imgs=frames)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(policy={self.policy!r})'
