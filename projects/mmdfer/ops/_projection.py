"""Every voxel multiplied by the weight of every tap, and the gradients of that product.

Symbols: R input voxels, K taps, G groups, C channels in, c = C/G, O channels out, o = O/G.
"""
from __future__ import annotations

import torch
from torch import Tensor


def tap_matrices(weight: Tensor, groups: int) -> Tensor:
    """(O, c, kt, kh, kw) -> (kt, G, c, kh·kw, o)."""
    out, inner, steps = weight.shape[:3]
    taps = weight.reshape(groups, out // groups, inner, steps, -1)
    return taps.permute(3, 0, 2, 4, 1).contiguous()


def tap_matrices_to_weight(matrices: Tensor, like: Tensor) -> Tensor:
    """The inverse of ``tap_matrices``, in the shape and dtype of ``like``."""
    return matrices.permute(1, 4, 2, 0, 3).reshape(like.shape).to(like.dtype)


def project(table: Tensor, matrix: Tensor) -> Tensor:
    """(R, C), (G, c, K, o) -> (R·K, O)."""
    groups, inner, taps, outer = matrix.shape
    if inner == 1:  # One product a group would be one tiny GEMM a channel.
        product = table.new_empty(len(table), taps, groups * outer)
        torch.mul(_by_output(table, outer), _depthwise(matrix), out=product)
        return product.flatten(0, 1)
    product = torch.bmm(_by_group(table, groups), matrix.flatten(2))  # (G, R, K·o)
    product = product.view(groups, -1, taps, outer).permute(1, 2, 0, 3)
    return product.reshape(-1, groups * outer)


def project_to_input(grad: Tensor, matrix: Tensor) -> Tensor:
    """Gradient of the table: (R·K, O), (G, c, K, o) -> (R, C)."""
    groups, inner, taps, outer = matrix.shape
    if inner == 1:
        total = grad.new_zeros(len(grad) // taps, groups * outer)
        for of_tap, factor in zip(grad.unflatten(0, (-1, taps)).unbind(1), _depthwise(matrix)):
            total.addcmul_(of_tap, factor)
        return total.unflatten(1, (groups, outer)).sum(2) if outer > 1 else total
    product = torch.bmm(_taps_by_group(grad, matrix), matrix.flatten(2).transpose(1, 2))
    return product.transpose(0, 1).reshape(-1, groups * inner)  # (G, R, c) -> (R, C)


def project_to_weight(grad: Tensor, table: Tensor, matrix: Tensor) -> Tensor:
    """Gradient of the matrix: (R·K, O), (R, C) -> (G, c, K, o). Overwrites ``grad``."""
    groups, inner, taps, outer = matrix.shape
    if inner == 1:
        product = grad.unflatten(0, (-1, taps)).mul_(_by_output(table, outer)).sum(0)  # (K, O)
        return product.view(taps, groups, 1, outer).permute(1, 2, 0, 3)
    product = torch.bmm(_by_group(table, groups).transpose(1, 2), _taps_by_group(grad, matrix))
    return product.view_as(matrix)


def _by_group(table: Tensor, groups: int) -> Tensor:
    """(R, C) -> (G, R, c)."""
    return table.view(len(table), groups, -1).transpose(0, 1)


def _taps_by_group(grad: Tensor, matrix: Tensor) -> Tensor:
    """(R·K, O) -> (G, R, K·o)."""
    groups, _, taps, outer = matrix.shape
    return grad.view(-1, taps, groups, outer).permute(2, 0, 1, 3).flatten(2)


def _by_output(table: Tensor, outer: int) -> Tensor:
    """(R, G) -> (R, 1, O): for each output channel of a depthwise layer, its input."""
    return (table.repeat_interleave(outer, dim=1) if outer > 1 else table).unsqueeze(1)


def _depthwise(matrix: Tensor) -> Tensor:
    """(G, 1, K, o) -> (K, O)."""
    return matrix[:, 0].transpose(0, 1).flatten(1)
