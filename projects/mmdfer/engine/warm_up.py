"""A warm-up that begins with one rate for all, whatever rates the groups of parameters go to."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mmengine.optim.scheduler import _ParamScheduler

from ..registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class WarmUpCosineLR(_ParamScheduler):
    """PE-CLIP's release: from one rate to each group's own, then a cosine of fixed length, by epoch.

    In epoch e a group with the rate b has::

        s + e · (b - s) / warm_up                    while e < warm_up
        b · (1 + cos(π · min(e, length) / length)) / 2       afterwards

    The cosine counts from epoch 0, not from the warm-up's end. mmengine's ``LinearLR`` starts each group at the same
    share of its own rate instead.

    Args:
        optimizer: whose rates are set.
        start_lr: s.
        warm_up: epochs of warm-up.
        length: epochs of half a cosine.
        kwargs: of mmengine's schedulers.

    Raises:
        ValueError: for a rate below 0, a warm-up below 0, or a length below 1.
    """

    def __init__(self, optimizer: Any, start_lr: float, warm_up: int, length: int, **kwargs: Any) -> None:
        if start_lr < 0 or warm_up < 0 or length < 1:
            raise ValueError(f'WarmUpCosineLR: start_lr={start_lr}, warm_up={warm_up}, length={length}: expected '
                             'start_lr and warm_up of 0 or more, and a length of 1 or more')
        self.start_lr, self.warm_up, self.length = start_lr, warm_up, length
        super().__init__(optimizer, 'lr', **kwargs)

    def _get_value(self) -> Sequence[float]:
        epoch = self.last_step
        if epoch < self.warm_up:
            return [self.start_lr + epoch * (base - self.start_lr) / self.warm_up for base in self.base_values]
        share = (1 + math.cos(math.pi * min(epoch, self.length) / self.length)) / 2
        return [base * share for base in self.base_values]
