"""Triton: the patches among the tokens of a frame, cut out as rows of a type, and rows added where they lie.

One pass over memory each, where PyTorch's operators on a slice of tokens copy it first.
"""
from __future__ import annotations

import torch
from torch import Tensor

from ._triton import blocks_of, power_above, tl, triton

ROWS = 4


@triton.jit
def cut_kernel(tokens, rows, count, patches, length, leading, width, M: tl.constexpr, Q: tl.constexpr):
    """rows (F·P, C) from tokens (F, L, C)."""
    row = tl.program_id(0) * M + tl.arange(0, M)[:, None]
    frame = row // patches
    source = tokens + (frame * length + leading + row - frame * patches).to(tl.int64) * width
    target = rows + row.to(tl.int64) * width
    for start in range(0, width, Q):
        channel = start + tl.arange(0, Q)[None, :]
        mask = (row < count) & (channel < width)
        tl.store(target + channel, tl.load(source + channel, mask=mask).to(rows.dtype.element_ty), mask=mask)


@triton.jit
def add_kernel(tokens, rows, out, count, patches, length, leading, width, ALONE: tl.constexpr, M: tl.constexpr,
               Q: tl.constexpr):
    """out (F, L, C): the tokens, or zeros if the rows are ALONE, with the rows (F·P, C) added to the patches."""
    token = tl.program_id(0) * M + tl.arange(0, M)[:, None]
    frame = token // length
    patch = token - frame * length - leading
    inside = (token < count) & (patch >= 0) & (patch < patches)
    place, added = token.to(tl.int64) * width, rows + (frame * patches + patch).to(tl.int64) * width
    for start in range(0, width, Q):
        channel = start + tl.arange(0, Q)[None, :]
        mask = (token < count) & (channel < width)
        total = tl.load(added + channel, mask=inside & mask, other=0.).to(tl.float32)
        if not ALONE:
            total += tl.load(tokens + place + channel, mask=mask).to(tl.float32)
        tl.store(out + place + channel, total.to(out.dtype.element_ty), mask=mask)


def cut_patches(tokens: Tensor, leading: int, patches: int, dtype: torch.dtype) -> Tensor:
    """(F, L, C) -> (F·P, C), the P patches behind the ``leading`` tokens of each frame."""
    tokens = tokens.contiguous()
    frames, length, width = tokens.shape
    rows = tokens.new_empty(frames * patches, width, dtype=dtype)
    cut_kernel[(blocks_of(len(rows), ROWS), )](
        tokens, rows, len(rows), patches, length, leading, width, M=ROWS, Q=_channels(width), num_warps=4)
    return rows


def add_patches(tokens: Tensor | None, rows: Tensor, leading: int, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """Tokens (F, L, C) of that ``shape`` and type, zeros for ``None``, plus rows (F·P, C) on the patches."""
    frames, length, width = shape
    out = rows.new_empty(shape, dtype=dtype)
    add_kernel[(blocks_of(frames * length, ROWS), )](
        rows if tokens is None else tokens.contiguous(), rows, out, frames * length, len(rows) // frames, length,
        leading, width, ALONE=tokens is None, M=ROWS, Q=_channels(width), num_warps=4)
    return out


def _channels(width: int) -> int:
    return min(1024, power_above(width))
