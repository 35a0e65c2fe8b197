"""Volumes as rows of channels and back, in the memory format of what they came from."""
from __future__ import annotations

import torch
from torch import Tensor


def voxel_rows(image: Tensor) -> Tensor:
    """(B, C, T, H, W) -> (B·T·H·W, C)."""
    return image.permute(0, 2, 3, 4, 1).reshape(-1, image.shape[1])


def is_channels_last(image: Tensor) -> bool:
    """Whether the channels of a voxel lie side by side in memory, and not only because there is one."""
    return image.is_contiguous(memory_format=torch.channels_last_3d) and not image.is_contiguous()


def from_channels_last(rows: Tensor | None, like: Tensor) -> Tensor | None:
    """(B, T, H, W, C) -> (B, C, T, H, W), in the dtype and memory format of ``like``."""
    if rows is None:
        return None
    image = rows.to(like.dtype).permute(0, 4, 1, 2, 3)
    return image if is_channels_last(like) else image.contiguous()
