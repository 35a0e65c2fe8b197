"""The smallest Triton kernel: whether Triton, its compiler and the device work together."""
from __future__ import annotations

import torch

from ._triton import tl, triton


@triton.jit
def _count_up(out, LENGTH: tl.constexpr):
    place = tl.arange(0, LENGTH)
    tl.store(out + place, place)


def probe(device: torch.device) -> None:
    """Compile and run a kernel.

    Raises:
        Exception: whatever Triton raises, or RuntimeError for wrong numbers.
    """
    with torch.cuda.device(device):
        out = torch.full((16, ), -1, device=device, dtype=torch.int32)
        _count_up[(1, )](out, LENGTH=16)
        if out.tolist() != list(range(16)):
            raise RuntimeError('it counted wrongly')
