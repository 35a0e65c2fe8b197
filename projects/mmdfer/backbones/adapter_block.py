"""One transformer block with named places for adapters; both towers are stacks of it."""
from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from mmengine.model import ModuleDict, ModuleList
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from ..adapters import TokenGrid

# In the order in which x meets them.
SLOTS = ('before_attn', 'temporal_attn', 'attn_out', 'after_attn', 'before_ffn', 'parallel_ffn', 'ffn_out',
         'after_ffn')


class AdapterBlock(TransformerEncoderLayer):
    """mmpretrain's pre-norm encoder layer plus adapter slots, on tokens (B·T, L, C).

    ============= ==================================================
    slot          what happens there
    ============= ==================================================
    before_attn   x = A(x)
    temporal_attn x += A(attn over T of ln1 x), the same attention
    attn_out      x += A(attn(ln1 x))
    after_attn    x = A(x), after the attention's residual
    before_ffn    x = A(x), before ln2
    parallel_ffn  x += ffn(ln2 x) + A(ln2 x)
    ffn_out       x += A(ffn(ln2 x))
    after_ffn     x = A(x), at the block's end
    ============= ==================================================

    Several adapters in one slot run one after the other. Without adapters the block computes exactly what
    its parent does.

    Args:
        args, kwargs: mmpretrain's.
        causal: let a token attend to those before it and itself alone, as in text towers.
    """

    def __init__(self, *args, causal: bool = False, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if causal:
            self.attn.scaled_dot_product_attention = partial(scaled_dot_product_attention, is_causal=True)
        self.ffn.add_identity = False           # the residual is added here, after ``ffn_out``
        self.adapters = ModuleDict()

    def add_adapter(self, slot: str, adapter: nn.Module) -> None:
        """Put an adapter into a slot, behind those already there.

        Raises:
            ValueError: for a slot that does not exist.
        """
        if slot not in SLOTS:
            raise ValueError(f'slot={slot!r} is not a slot of AdapterBlock: choose one of {", ".join(SLOTS)}')
        if slot not in self.adapters:
            self.adapters[slot] = ModuleList()
        self.adapters[slot].append(adapter)

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        x = self._adapt('before_attn', x, grid)
        if 'temporal_attn' in self.adapters:
            x = x + self._adapt('temporal_attn', self._attend_over_time(x, grid), grid)
        x = x + self._adapt('attn_out', self.attn(self.ln1(x)), grid)
        x = self._adapt('before_ffn', self._adapt('after_attn', x, grid), grid)
        z = self.ln2(x)
        branch = self._adapt('ffn_out', self.ffn(z), grid)
        if 'parallel_ffn' in self.adapters:
            branch = branch + self._adapt('parallel_ffn', z, grid)
        return self._adapt('after_ffn', x + branch, grid)

    def _adapt(self, slot: str, x: Tensor, grid: TokenGrid) -> Tensor:
        if slot in self.adapters:
            for adapter in self.adapters[slot]:
                x = adapter(x, grid)
        return x

    def _attend_over_time(self, x: Tensor, grid: TokenGrid) -> Tensor:
        # (B·T, L, C) -> (B·L, T, C) -> (B·T, L, C)
        return grid.from_sequences(self.attn(grid.to_sequences(self.ln1(x))), x.shape[1])


def parse_blocks(blocks: str | int | Iterable[int], depth: int) -> list[int]:
    """Which blocks an adapter goes into, 1-based as in the papers, as 0-based indices in order.

    Args:
        blocks: ``'all'``, a range ``'5-12'``, a list of either ``'1,3,9-12'``, a number or numbers.
        depth: how many blocks there are.

    Raises:
        ValueError: for a form that cannot be read or a block that does not exist.
    """
    expected = f'expected "all", a number from 1 to {depth}, a range such as "5-{depth}", or a comma-separated list'
    if isinstance(blocks, int):
        blocks = [blocks]
    if not isinstance(blocks, str):
        blocks = ','.join(str(block) for block in blocks)
    if blocks.strip() == 'all':
        return list(range(depth))
    chosen: set[int] = set()
    for part in blocks.split(','):
        begin, _, end = part.partition('-')
        try:
            first, last = int(begin), int(end or begin)
        except ValueError:
            raise ValueError(f'blocks={blocks!r}: cannot read {part!r}; {expected}') from None
        if not 1 <= first <= last <= depth:
            raise ValueError(f'blocks={blocks!r}: {part!r} is outside the {depth} blocks of this backbone; {expected}')
        chosen.update(range(first - 1, last))
    return sorted(chosen)
