"""FRU-Adapter's classifier: a projection of the frames before their mean, and a norm behind it."""
from __future__ import annotations

from torch import Tensor, nn

from ..registry import MODELS
from .linear_video_head import LinearVideoHead


@MODELS.register_module()
class ProjectedVideoHead(LinearVideoHead):
    """Linear D -> D, mean over T, LayerNorm, linear: (B, T, D) -> logits (B, K).

    Args:
        num_classes, in_channels, kwargs: as :class:`LinearVideoHead` has them.
        image_classes: outputs of the image model's own classifier, which the release keeps in its model, frozen, and
            never runs. It is zero here until a released file fills it; 0 for none.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 1024, image_classes: int = 0,
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.proj = nn.Linear(in_channels, in_channels)
        self.norm = nn.LayerNorm(in_channels)
        self.image_head = nn.Linear(in_channels, image_classes).requires_grad_(False) if image_classes else None
        if self.image_head is not None:
            nn.init.zeros_(self.image_head.weight)
            nn.init.zeros_(self.image_head.bias)

    def pool(self, x: Tensor) -> Tensor:
        return self.norm(super().pool(self.proj(x)))
