"""The plain bottleneck on each token: Houlsby's, AdaptFormer's, AIM's and PE-CLIP's adapters are settings of it."""
from __future__ import annotations

from torch import Tensor, nn

from ..registry import MODELS
from .grid import TokenGrid


@MODELS.register_module()
class BottleneckAdapter(nn.Module):
    """(x +) scale · act(x W_down) W_up on every token (B·T, L, C).

    Args:
        dim: token width C.
        width: bottleneck width r; or give ``reduction``, r = C / reduction.
        reduction: see ``width``. Defaults to 4, as in AIM, when neither is given.
        skip: add the input. Slots that add the result to the stream themselves (``temporal_attn``,
            ``parallel_ffn``) want ``False``.
        scale: factor of the branch, e.g. AIM's s = 0.5 at the MLP.
        zero_init: start W_up at zero (AIM), so that a new adapter is the identity (zero without skip);
            ``False`` keeps PyTorch's default (PE-CLIP's release).

    Raises:
        ValueError: if both ``width`` and ``reduction`` are given, or the reduction does not divide C.
    """

    def __init__(self, dim: int, width: int | None = None, reduction: int | None = None, skip: bool = True,
                 scale: float = 1.0, zero_init: bool = True) -> None:
        super().__init__()
        if width is not None and reduction is not None:
            raise ValueError(f'BottleneckAdapter: give width={width} or reduction={reduction}, not both')
        if width is None:
            reduction = 4 if reduction is None else reduction
            if reduction < 1 or dim % reduction:
                raise ValueError(f'BottleneckAdapter: reduction={reduction} does not divide the token width {dim}; '
                                 'choose a divisor, or give width')
            width = dim // reduction
        if width < 1:
            raise ValueError(f'BottleneckAdapter: width={width} must be positive')
        self.down = nn.Linear(dim, width)
        self.act = nn.GELU()
        self.up = nn.Linear(width, dim)
        self.skip, self.scale = skip, scale
        self.zero_init = zero_init
        self.init_weights()

    def init_weights(self) -> None:
        """Make the adapter the identity again (zero without skip), if it starts as that."""
        if self.zero_init:
            nn.init.zeros_(self.up.weight)
            nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        branch = self.scale * self.up(self.act(self.down(x)))
        return x + branch if self.skip else branch
