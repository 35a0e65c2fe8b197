"""LoRA in the linear layers of a transformer block, with mmpretrain's layer (Hu et al., ICLR 2022)."""
from __future__ import annotations

import math
from collections.abc import Sequence

from mmpretrain.models.peft.lora import LoRALinear
from torch import Tensor, cat, nn

PARTS = ('q', 'k', 'v')
TARGETS = ('qkv', 'proj', *PARTS, 'fc1', 'fc2')


class NamedLoRALinear(LoRALinear):
    """mmpretrain's LoRA layer, y = W x + (alpha / rank) · B A x, under the name of the layer it stands for.

    In state dicts ``qkv.weight`` stays ``qkv.weight``, with ``qkv.lora_down.weight`` (A) and
    ``qkv.lora_up.weight`` (B) beside it, so files of the stock model load. B starts at zero: a new one
    changes nothing.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        keep_stock_names(self)

    def init_weights(self) -> None:
        """Make it change nothing again."""
        nn.init.zeros_(self.lora_up.weight)


class PartsLoRALinear(nn.Module):
    """The joint layer of queries, keys and values with a LoRA update of its own for each of them, or for some.

    y_p = W_p x + (alpha / rank) · B_p A_p x, the dropout of each update's input drawn by itself. Beside the stock
    names stand ``qkv.lora_q.down.weight`` (A_q) and ``qkv.lora_q.up.weight`` (B_q), which starts at zero.

    Args:
        layer: the linear layer, of three times as many outputs as a part has.
        alpha, rank, drop_rate: as :func:`add_lora` has them.
        parts: of ``'q'``, ``'k'``, ``'v'``.
    """

    def __init__(self, layer: nn.Linear, alpha: float, rank: int, drop_rate: float, parts: Sequence[str]) -> None:
        super().__init__()
        self.scaling, self.width = alpha / rank, layer.out_features // 3
        for part in parts:
            down = nn.Linear(layer.in_features, rank, bias=False)
            up = nn.Linear(rank, self.width, bias=False)
            nn.init.kaiming_uniform_(down.weight, a=math.sqrt(5))
            self.add_module(f'lora_{part}', nn.ModuleDict(dict(dropout=nn.Dropout(drop_rate), down=down, up=up)))
        self.original_layer = layer
        keep_stock_names(self)
        self.init_weights()

    def init_weights(self) -> None:
        """Make it change nothing again."""
        for part in PARTS:
            if hasattr(self, f'lora_{part}'):
                nn.init.zeros_(getattr(self, f'lora_{part}').up.weight)

    def forward(self, x: Tensor) -> Tensor:
        outputs = list(self.original_layer(x).split(self.width, dim=-1))
        for index, part in enumerate(PARTS):
            if hasattr(self, f'lora_{part}'):
                update = getattr(self, f'lora_{part}')
                outputs[index] = outputs[index] + self.scaling * update.up(update.down(update.dropout(x)))
        return cat(outputs, dim=-1)


def keep_stock_names(module: nn.Module) -> None:
    """Let what a module has as ``original_layer`` stand in state dicts under the module's own name."""
    module._register_state_dict_hook(_to_stock_names)
    module._register_load_state_dict_pre_hook(_to_own_names, with_module=True)


def _to_stock_names(module: nn.Module, state_dict: dict, prefix: str, local_metadata: dict) -> None:
    for key in list(state_dict):
        if key.startswith(f'{prefix}original_layer.'):
            state_dict[key.replace('.original_layer.', '.')] = state_dict.pop(key)


def _to_own_names(module: nn.Module, state_dict: dict, prefix: str, *args) -> None:
    for name, _ in module.original_layer.named_parameters():
        if prefix + name in state_dict:
            state_dict[f'{prefix}original_layer.{name}'] = state_dict.pop(prefix + name)


def add_lora(attention: nn.Module, rank: int = 8, alpha: float | None = None, drop_rate: float = 0.,
             targets: Sequence[str] = ('qkv', ), ffn: nn.Module | None = None) -> None:
    """Put LoRA beside linear layers of an attention, and of the MLP behind it, in place.

    Args:
        attention: module with linear layers ``qkv`` and ``proj``.
        rank: of the update.
        alpha: the update's factor is ``alpha / rank``. Defaults to the rank, a factor of 1.
        drop_rate: dropout of the update's input.
        targets: of ``'qkv'``, which is one update for queries, keys and values; ``'q'``, ``'k'`` and ``'v'``, one
            for each; ``'proj'``; and ``'fc1'`` and ``'fc2'``, the layers of the MLP.
        ffn: mmcv's ``FFN`` of two layers, for the last.

    Raises:
        ValueError: for an unknown target, both kinds of updates for queries, keys and values, or a rank that is
            not positive.
    """
    if rank < 1:
        raise ValueError(f'lora: rank={rank} must be positive')
    unknown = [target for target in targets if target not in TARGETS]
    if unknown or isinstance(targets, str):
        raise ValueError(f'lora: targets={targets!r} is not known: expected a list of {", ".join(TARGETS)}')
    parts = [part for part in PARTS if part in targets]
    if parts and 'qkv' in targets:
        raise ValueError(f'lora: targets={list(targets)} has one update of queries, keys and values and one of '
                         f'{", ".join(parts)}: choose "qkv", or "q", "k" and "v"')
    alpha = rank if alpha is None else alpha
    if parts:
        attention.qkv = PartsLoRALinear(attention.qkv, alpha, rank, drop_rate, parts)
    for target in targets:
        if target in ('qkv', 'proj'):
            setattr(attention, target, NamedLoRALinear(getattr(attention, target), alpha, rank, drop_rate))
        elif target not in PARTS:
            assert ffn is not None
            layers, index = (ffn.layers[0], 0) if target == 'fc1' else (ffn.layers, 1)
            layers[index] = NamedLoRALinear(layers[index], alpha, rank, drop_rate)
