"""Attention from one sequence to another, as the encoders of the masked-autoencoder line have it."""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention


class CrossAttention(nn.Module):
    """Multi-head attention of tokens (B, L, C) to a context (B, M, C); without one, to themselves.

    Queries and values have a bias, keys have none: the softmax over a query's keys does not see one.

    Args:
        embed_dims: width C.
        num_heads: heads; each is C / num_heads wide.

    Raises:
        ValueError: for a width that the heads do not share evenly.
    """

    def __init__(self, embed_dims: int, num_heads: int) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(f'embed_dims={embed_dims} is no multiple of num_heads={num_heads}: give a width that the '
                             'heads share evenly')
        self.num_heads = num_heads
        self.q = nn.Linear(embed_dims, embed_dims, bias=False)
        self.kv = nn.Linear(embed_dims, 2 * embed_dims, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(embed_dims))
        self.v_bias = nn.Parameter(torch.zeros(embed_dims))
        self.proj = nn.Linear(embed_dims, embed_dims)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        q = linear(x, self.q.weight, self.q_bias)
        k, v = self.kv(x if context is None else context).chunk(2, dim=-1)
        heads = (self._heads(part) for part in (q, k, v + self.v_bias))         # (B, heads, L or M, C / heads)
        return self.proj(scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
