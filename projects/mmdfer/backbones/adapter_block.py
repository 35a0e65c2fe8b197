"""One transformer block with named places for adapters; both towers are stacks of it."""
from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from mmengine.model import ModuleDict
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from ..adapters import Adapter, TokenGrid, add_delta
from ..weights import is_added, rename_in_place
from .adapter_configs import check_slot

# In the order in which x meets them.
SLOTS = ('before_attn', 'temporal_input', 'temporal_attn', 'attn_input', 'attn_map', 'attn_out', 'after_attn',
         'before_ffn', 'ffn_out', 'parallel_ffn', 'after_ffn', 'parallel_block')
# Where several adapters read the same input and their deltas sum; elsewhere one reads what the one before it left.
BESIDE = ('temporal_attn', 'parallel_ffn', 'parallel_block')
# Where patches can still reach the class token: by the block's own attention.
AHEAD_OF_ATTENTION = ('before_attn', 'temporal_input', 'temporal_attn', 'attn_input')
# Where the frozen model is changed from the start, though an adapter gives nothing yet.
CHANGED_FROM_THE_START = ('temporal_input', 'attn_map')


class AdapterBlock(TransformerEncoderLayer):
    """mmpretrain's pre-norm encoder layer plus adapter slots, on tokens (B·T, L, C).

    ============== =====================================================================================
    slot           what happens there
    ============== =====================================================================================
    before_attn    x += A(x)
    temporal_input x += attn over T of z + A(z), z = ln1 x, the same attention; not the identity at the start
    temporal_attn  x += A(attn over T of ln1 x), the same attention
    attn_input     x += attn(z + A(z)), z = ln1 x
    attn_map       x += A(attn(ln1 x)), in the place of the attention's branch; not the identity at the start
    attn_out       y = attn(ln1 x); x += y + A(y)
    after_attn     x += A(x), after the attention's residual
    before_ffn     x += A(x), before ln2
    ffn_out        y = ffn(ln2 x); x += y + A(y)
    parallel_ffn   x += ffn(z) + A(z), z = ln2 x
    after_ffn      x += A(x), at the block's end
    parallel_block x = block(x) + A(x), x as it enters the block
    ============== =====================================================================================

    In ``temporal_attn``, ``parallel_ffn`` and ``parallel_block`` several adapters read the same input and their
    deltas sum; in the other slots they run one after the other. An adapter that sees patches alone adds to them
    alone; in ``attn_map`` the other tokens keep the attention's branch. Without adapters the block computes
    exactly what its parent does.

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
        self.slots: dict[str, list[str]] = {}   # names of the adapters in each

    def init_weights(self) -> None:
        """As mmpretrain's layer does, out of the reach of LoRA in the MLP."""
        super(TransformerEncoderLayer, self).init_weights()
        for name, layer in self.ffn.named_modules():
            if isinstance(layer, nn.Linear) and not is_added(f'{name}.weight'):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.normal_(layer.bias, std=1e-6)

    def add_adapter(self, slot: str, adapter: Adapter, name: str) -> None:
        """Put an adapter into a slot, behind those already there.

        Raises:
            ValueError: for a slot that does not exist, or a name that is taken.
        """
        check_slot(slot, SLOTS, name)
        if name in self.adapters:
            raise ValueError(f'adapter {name!r}: the block has one of this name already')
        self.adapters[name] = adapter
        self.slots.setdefault(slot, []).append(name)

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        entering = x
        x = self._in_turn('before_attn', x, grid)
        if self._adapters('temporal_input'):
            x = x + self._attend_over_time(self._in_turn('temporal_input', self.ln1(x), grid), grid)
        if self._adapters('temporal_attn'):
            x = self._beside('temporal_attn', x, self._attend_over_time(self.ln1(x), grid), grid)
        z = self._in_turn('attn_input', self.ln1(x), grid)
        x = x + self._in_turn('attn_out', self._mapped(self._attend(z, grid), grid), grid)
        x = self._in_turn('before_ffn', self._in_turn('after_attn', x, grid), grid)
        z = self.ln2(x)
        branch = self._beside('parallel_ffn', self._in_turn('ffn_out', self.ffn(z), grid), z, grid)
        x = self._in_turn('after_ffn', x + branch, grid)
        return self._beside('parallel_block', x, entering, grid)

    def _adapters(self, slot: str) -> list[Adapter]:
        adapters = (self.adapters[name] for name in self.slots.get(slot, ()))
        return [adapter for adapter in adapters if adapter.enabled]

    def _in_turn(self, slot: str, x: Tensor, grid: TokenGrid) -> Tensor:
        """x += A1(x); x += A2(x); ..."""
        for adapter in self._adapters(slot):
            x = add_delta(x, adapter, x, grid)
        return x

    def _beside(self, slot: str, x: Tensor, source: Tensor, grid: TokenGrid) -> Tensor:
        """x += A1(source) + A2(source) + ..."""
        for adapter in self._adapters(slot):
            x = add_delta(x, adapter, source, grid)
        return x

    def _mapped(self, y: Tensor, grid: TokenGrid) -> Tensor:
        """... A2(A1(y)), of patches alone where an adapter sees no other tokens."""
        for adapter in self._adapters('attn_map'):
            if adapter.tokens == 'all':
                y = adapter(y, grid)
            else:
                patches = adapter(y[:, grid.span], grid)
                y = torch.cat([y[:, :grid.span.start], patches, y[:, grid.span.stop:]], dim=1)
        return y

    def _attend(self, z: Tensor, grid: TokenGrid) -> Tensor:
        """The attention's branch, of each frame by itself."""
        return self.attn(z)

    def _attend_over_time(self, z: Tensor, grid: TokenGrid) -> Tensor:
        # (B·T, L, C) -> (B·L, T, C) -> (B·T, L, C)
        return grid.from_sequences(self.attn(grid.to_sequences(z)), z.shape[1])

    def adapter_places(self) -> dict[str, str]:
        """The slot of each adapter."""
        return {f'adapters.{name}': slot for slot, names in self.slots.items() for name in names}

    def old_names(self) -> dict[str, str]:
        """Beginnings of parameters' names in files of older versions, which went by slot and number."""
        return {f'adapters.{slot}.{number}.': f'adapters.{name}.' for slot, names in self.slots.items()
                for number, name in enumerate(names)}

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        rename_in_place(state_dict, prefix, self.old_names())
        super()._load_from_state_dict(state_dict, prefix, *args)


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
