"""The plain bottleneck on each token: Houlsby's, AdaptFormer's, AIM's and PE-CLIP's adapters are settings of it."""
from __future__ import annotations

from collections.abc import Iterable

from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from ..registry import MODELS
from .base import Adapter
from .grid import TokenGrid

ACTIVATIONS = {'gelu': nn.GELU, 'relu': nn.ReLU}


def bottleneck_width(name: str, dim: int, width: int | None, reduction: int | None, default: int) -> int:
    """The bottleneck's width r, from itself or as C / reduction.

    Raises:
        ValueError: if both are given, the reduction does not divide C, or the width is not positive.
    """
    if width is not None and reduction is not None:
        raise ValueError(f'{name}: give width={width} or reduction={reduction}, not both')
    if width is None:
        reduction = default if reduction is None else reduction
        if reduction < 1 or dim % reduction:
            raise ValueError(f'{name}: reduction={reduction} does not divide the token width {dim}; choose a divisor, '
                             'or give width')
        width = dim // reduction
    if width < 1:
        raise ValueError(f'{name}: width={width} must be positive')
    return width


@MODELS.register_module()
class BottleneckAdapter(Adapter):
    """scale · act(x W_down) W_up, what is added to every token (B·T, L, C).

    The papers' adapters that are settings of it, each in its slot:

    =========== ========================================================================================
    AIM         ``temporal_attn``, ``attn_out``, ``parallel_ffn`` with ``scale=0.5``
    PE-CLIP     ShA ``attn_out`` and TA ``ffn_out``, both with ``reduction=8, zero_init=False``
    Houlsby     ``attn_out`` and ``ffn_out`` with ``width=64``
    AdaptFormer ``parallel_ffn`` with ``width=64, act='relu', scale=0.1``
    =========== ========================================================================================

    Args:
        dim: token width C.
        width: bottleneck width r; or give ``reduction``, r = C / reduction.
        reduction: see ``width``. Defaults to 4, as in AIM, when neither is given.
        scale: factor of the delta, e.g. AIM's s = 0.5 at the MLP.
        zero_init: start W_up at zero (AIM), and with it the delta; ``False`` keeps PyTorch's default
            (PE-CLIP's release).
        zero_bias: start the bias of W_down at zero.
        act: ``'gelu'`` or ``'relu'``.
        drop_path: probability of a clip to go without the delta in training (stochastic depth). AIM's
            release drops token positions of the whole batch instead.

    Raises:
        ValueError: if both ``width`` and ``reduction`` are given, the reduction does not divide C, or for an
            unknown activation.
    """

    def __init__(self, dim: int, width: int | None = None, reduction: int | None = None, scale: float = 1.0,
                 zero_init: bool = True, act: str = 'gelu', drop_path: float = 0., zero_bias: bool = False) -> None:
        super().__init__(zero_init)
        width = bottleneck_width('BottleneckAdapter', dim, width, reduction, default=4)
        if act not in ACTIVATIONS:
            raise ValueError(f'BottleneckAdapter: act={act!r} is not known: choose one of {", ".join(ACTIVATIONS)}')
        if not 0 <= drop_path < 1:
            raise ValueError(f'BottleneckAdapter: drop_path={drop_path} must lie in [0, 1)')
        self.down = nn.Linear(dim, width)
        self.act = ACTIVATIONS[act]()
        self.up = nn.Linear(width, dim)
        self.drop_path = DropPath(drop_path)
        self.scale = scale
        if zero_bias:
            nn.init.zeros_(self.down.bias)
        self.init_weights()

    def zeroed(self) -> Iterable[nn.Parameter]:
        return self.up.parameters()

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        delta = self.scale * self.up(self.act(self.down(x)))
        if self.training and self.drop_path.drop_prob:
            # (B·T, L, C) -> (B, T, L, C): all frames of a clip go together
            delta = self.drop_path(delta.unflatten(0, (-1, grid.frames))).flatten(0, 1)
        return delta
