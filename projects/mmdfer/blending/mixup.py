"""Mixup whose weights stay away from one clip alone."""
from __future__ import annotations

from mmaction.models.utils import MixupBlending
from torch import Tensor
from torch.distributions.beta import Beta

from ..registry import MODELS


@MODELS.register_module()
class ClippedMixupBlending(MixupBlending):
    """Mixup with λ ~ Beta(α, α), clipped to [low, high], as in PE-CLIP's release.

    Beta(0.4, 0.4) has its mass at both ends, so that most pairs of plain Mixup are nearly one clip; clipped, each pair
    is a mixture.

    Args:
        num_classes: number of classes.
        alpha: α.
        low, high: bounds of λ.

    Raises:
        ValueError: for ``alpha`` not above 0, or bounds other than 0 <= low <= high <= 1.
    """

    def __init__(self, num_classes: int, alpha: float = 0.4, low: float = 0.3, high: float = 0.7) -> None:
        if alpha <= 0 or not 0 <= low <= high <= 1:
            raise ValueError(f'ClippedMixupBlending: alpha={alpha}, low={low}, high={high}: expected alpha above 0 and '
                             '0 <= low <= high <= 1')
        super().__init__(num_classes, alpha)
        self.beta: _Clipped = _Clipped(Beta(alpha, alpha), low, high)


class _Clipped:
    """A distribution whose samples are clipped."""

    def __init__(self, inner: Beta, low: float, high: float) -> None:
        self.inner, self.low, self.high = inner, low, high

    def sample(self) -> Tensor:
        return self.inner.sample().clamp(self.low, self.high)
