"""The maps of attention modules while a model runs, with the gradients that reach them.

Fused attention keeps no map, so while a module is watched it computes softmax(QKᵀ/√d)V in the open, which is what it
computes otherwise.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from mmaction.models.backbones.vit_mae import Attention as VideoMAEAttention
from mmpretrain.models.utils import MultiheadAttention
from mmpretrain.models.utils.attention import scaled_dot_product_attention
from torch import Tensor, nn
from torch.nn.functional import linear

#: Gets a module's map (N, heads, L, L) and gives the one to compute with.
See = Callable[[Tensor], Tensor]


class Seen:
    """What a module attended to when it last ran.

    ``mean`` is the map's mean over heads, (N, L, L). ``weighted`` is, once a backward pass has reached the map A, the
    mean over heads of (A ⊙ ∂y/∂A)⁺, (N, L, L); ``None`` where none has.
    """

    def __init__(self) -> None:
        self.mean: Tensor | None = None
        self.weighted: Tensor | None = None

    def see(self, attention: Tensor) -> Tensor:
        kept = attention.detach()
        self.mean, self.weighted = kept.mean(dim=1), None
        if attention.requires_grad:
            attention.register_hook(partial(self._weigh, kept, self.mean))
        return attention

    def _weigh(self, attention: Tensor, mean: Tensor, gradient: Tensor) -> None:
        if mean is self.mean:                           # not of a call before the last
            self.weighted = (attention * gradient).clamp(min=0).mean(dim=1)


@contextmanager
def watched(modules: Sequence[nn.Module]) -> Iterator[list[Seen]]:
    """Watch attention modules: what each saw when it last ran, in the order of the modules.

    A block that reuses its attention over time runs it on the frames last, so that the map kept is of the patches.

    Raises:
        ValueError: for a module whose maps cannot be had.
    """
    seen = [Seen() for _ in modules]
    with ExitStack() as stack:
        for module, one in zip(modules, seen):
            way = next((way for kind, way in WAYS.items() if isinstance(module, kind)), None)
            if way is None:
                raise ValueError(f'{type(module).__name__}: no attention whose maps are known here; known are '
                                 f'{", ".join(f"{kind.__module__}.{kind.__name__}" for kind in WAYS)}')
            stack.enter_context(way(module, one.see))
        yield seen


@contextmanager
def _of_mmpretrain(module: MultiheadAttention, see: See) -> Iterator[None]:
    """mmpretrain's: the function that it attends by is an attribute."""
    kept = module.scaled_dot_product_attention
    if kept is not scaled_dot_product_attention:
        raise ValueError(f'{type(module).__name__}: attends by a function of its own (causal, or of another scale), '
                         'whose maps are not known here')

    def attend(query: Tensor, key: Tensor, value: Tensor, **kwargs) -> Tensor:
        return see(attention_map(query, key)) @ value

    module.scaled_dot_product_attention = attend
    try:
        yield
    finally:
        module.scaled_dot_product_attention = kept


@contextmanager
def _of_videomae(module: VideoMAEAttention, see: See) -> Iterator[None]:
    """VideoMAE's: its map goes through a dropout."""
    hook = module.attn_drop.register_forward_hook(lambda dropout, args, output: see(output))
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _of_torch(module: nn.MultiheadAttention, see: See) -> Iterator[None]:
    """PyTorch's, with one matrix for queries, keys and values and no mask, as TimeSformer has it."""
    if module.in_proj_weight is None or module.bias_k is not None or module.add_zero_attn:
        raise ValueError('nn.MultiheadAttention with separate projections or added keys: its maps are not known here')

    def forward(query: Tensor, key: Tensor, value: Tensor, **kwargs) -> tuple[Tensor, Tensor]:
        biases = [None] * 3 if module.in_proj_bias is None else module.in_proj_bias.chunk(3)
        parts = []
        for given, weight, bias in zip((query, key, value), module.in_proj_weight.chunk(3), biases):
            given = given if module.batch_first else given.transpose(0, 1)
            # (N, L, C) -> (N, heads, L, C / heads)
            parts.append(linear(given, weight, bias).unflatten(-1, (module.num_heads, -1)).transpose(1, 2))
        attention = see(attention_map(*parts[:2]))
        output = module.out_proj((attention @ parts[2]).transpose(1, 2).flatten(2))
        return output if module.batch_first else output.transpose(0, 1), attention.mean(dim=1)

    module.forward = forward
    try:
        yield
    finally:
        del module.forward


WAYS = {MultiheadAttention: _of_mmpretrain, VideoMAEAttention: _of_videomae, nn.MultiheadAttention: _of_torch}


def attention_map(query: Tensor, key: Tensor) -> Tensor:
    """softmax(QKᵀ/√d) of (..., L, d) and (..., S, d): (..., L, S)."""
    return (query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])).softmax(dim=-1)


@contextmanager
def kept_graph(model: nn.Module) -> Iterator[None]:
    """Let no part of a model recompute its forward pass in the backward one, where a watched map would be made anew."""
    recomputing = [module for module in model.modules() if getattr(module, 'with_cp', False) is True]
    for module in recomputing:
        module.with_cp = False
    try:
        with torch.enable_grad():
            yield
    finally:
        for module in recomputing:
            module.with_cp = True
