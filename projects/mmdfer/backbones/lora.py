"""LoRA in the attention of a transformer block, with mmpretrain's layer (Hu et al., ICLR 2022)."""
from __future__ import annotations

from collections.abc import Sequence

from mmpretrain.models.peft.lora import LoRALinear
from torch import nn

TARGETS = ('qkv', 'proj')


class NamedLoRALinear(LoRALinear):
    """mmpretrain's LoRA layer, y = W x + (alpha / rank) · B A x, under the name of the layer it stands for.

    In state dicts ``qkv.weight`` stays ``qkv.weight``, with ``qkv.lora_down.weight`` (A) and
    ``qkv.lora_up.weight`` (B) beside it, so files of the stock model load. B starts at zero: a new one
    changes nothing.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._register_state_dict_hook(_to_stock_names)
        self._register_load_state_dict_pre_hook(_to_own_names, with_module=True)

    def init_weights(self) -> None:
        """Make it change nothing again."""
        nn.init.zeros_(self.lora_up.weight)


def _to_stock_names(module: nn.Module, state_dict: dict, prefix: str, local_metadata: dict) -> None:
    for key in list(state_dict):
        if key.startswith(f'{prefix}original_layer.'):
            state_dict[key.replace('.original_layer.', '.')] = state_dict.pop(key)


def _to_own_names(module: nn.Module, state_dict: dict, prefix: str, *args) -> None:
    for name, _ in module.original_layer.named_parameters():
        if prefix + name in state_dict:
            state_dict[f'{prefix}original_layer.{name}'] = state_dict.pop(prefix + name)


def add_lora(attention: nn.Module, rank: int = 8, alpha: float | None = None, drop_rate: float = 0.,
             targets: Sequence[str] = ('qkv', )) -> None:
    """Put LoRA beside linear layers of an attention, in place.

    Args:
        attention: module with linear layers ``qkv`` and ``proj``.
        rank: of the update.
        alpha: the update's factor is ``alpha / rank``. Defaults to the rank, a factor of 1.
        drop_rate: dropout of the update's input.
        targets: of ``'qkv'``, which is one update for queries, keys and values, and ``'proj'``.

    Raises:
        ValueError: for an unknown target or a rank that is not positive.
    """
    if rank < 1:
        raise ValueError(f'lora: rank={rank} must be positive')
    unknown = [target for target in targets if target not in TARGETS]
    if unknown or isinstance(targets, str):
        raise ValueError(f'lora: targets={targets!r} is not known: expected a list of {", ".join(TARGETS)}')
    for target in targets:
        layer = getattr(attention, target)
        setattr(attention, target, NamedLoRALinear(layer, rank if alpha is None else alpha, rank, drop_rate))
