"""ShA: PE-CLIP's adapter after the attention, one a block, or one for both modalities of a layer."""
from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from ..registry import MODELS
from .base import Adapter
from .bottleneck import BottleneckAdapter
from .grid import TokenGrid


@MODELS.register_module()
class SharedAdapter(Adapter):
    """W_up GELU(W_down x), what is added to every token x (B·T, L, C), with a core that another tower can share.

    As built it is the release's ShA: a set of its own in each block of each encoder, nothing shared, equal
    to ``BottleneckAdapter(reduction=8, zero_init=False)``. After :meth:`share_with` it computes
    out(core(into(x))) with the core of the other adapter, as the paper's words have it; ``into`` and
    ``out`` are projections between the two token widths, where they differ. :func:`share_adapters` does
    so for two whole towers. The slot ``attn_out`` adds it to the attention, as the release does;
    ``attn_map`` puts it in the attention's place, as the paper's Eq. 6 is printed.

    Args:
        dim: token width C.
        width: bottleneck width r; or give ``reduction``, r = C / reduction.
        reduction: see ``width``. Defaults to 8, as in the paper, when neither is given.
        zero_init: start W_up at zero, and with it the delta, shared or not; by default PyTorch's own start,
            as in the release.

    Raises:
        ValueError: as ``BottleneckAdapter``.
    """

    def __init__(self, dim: int, width: int | None = None, reduction: int | None = None,
                 zero_init: bool = False) -> None:
        super().__init__(zero_init)
        if width is None and reduction is None:
            reduction = 8
        self.dim = dim
        self.core = BottleneckAdapter(dim, width, reduction, zero_init=zero_init)
        self.into: nn.Module = nn.Identity()
        self.out: nn.Module = nn.Identity()

    def zeroed(self) -> Iterable[nn.Parameter]:
        bias = [self.out.bias] if isinstance(self.out, nn.Linear) else []
        return *(self.core.zeroed() if self.core.zero_init else ()), *bias

    def share_with(self, other: SharedAdapter) -> None:
        """Use the core of another adapter from now on; one's own is dropped.

        The core is a module of both towers then: its parameters have a name in each, and count, train and
        are saved once.
        """
        own = self.core.down.weight
        self.core = other.core
        if self.dim != other.dim:
            self.into, self.out = nn.Linear(self.dim, other.dim), nn.Linear(other.dim, self.dim)
            nn.init.zeros_(self.out.bias)
            self.to(own)

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        return self.out(self.core(self.into(x), grid))


def share_adapters(owner: nn.Module, guest: nn.Module) -> int:
    """Let the shared adapters of one tower use those of the other, the first with the first, and so on.

    Args:
        owner: tower whose adapters keep their cores, e.g. the image encoder.
        guest: tower whose adapters take them over, with projections where its width differs.

    Returns:
        How many pairs share a core now.

    Raises:
        ValueError: if the towers have none, or not as many as each other.
    """
    owners, guests = ([module for module in tower.modules() if isinstance(module, SharedAdapter)]
                      for tower in (owner, guest))
    if not owners or len(owners) != len(guests):
        raise ValueError(f'the towers have {len(owners)} and {len(guests)} adapters of type SharedAdapter: sharing '
                         'pairs them in order, so list them with as many blocks in both (blocks="1-12")')
    for first, second in zip(owners, guests):
        second.share_with(first)
    return len(owners)
