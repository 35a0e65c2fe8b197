"""Every voxel multiplied by the weight of every tap, and the gradients of that product.

Symbols: R input voxels, K = kh·kw taps of one step in time, G groups, C channels in, c = C/G,
O channels out, o = O/G.
"""
import torch
from torch import Tensor


def tap_matrices(weight: Tensor, groups: int) -> Tensor:
    """(O, c, kt, kh, kw) -> (kt, G, c, K, o)."""
    out, inner, steps = weight.shape[:3]
    taps = weight.reshape(groups, out // groups, inner, steps, -1)
    return taps.permute(3, 0, 2, 4, 1).contiguous()


def tap_matrices_to_weight(matrices: Tensor, like: Tensor) -> Tensor:
    """The inverse of `tap_matrices`, in the shape and dtype of `like`."""
    return matrices.permute(1, 4, 2, 0, 3).reshape(like.shape).to(like.dtype)


def project(table: Tensor, matrix: Tensor) -> Tensor:
    """(R, C), (G, c, K, o) -> (R·K, O)."""
    groups, inner, taps, outer = matrix.shape
    if inner == 1:  # A product a group would be one GEMM a channel.
        product = table.view(-1, 1, groups, 1) * _depthwise(matrix)
    else:
        product = torch.bmm(_by_group(table, groups), matrix.flatten(2))  # (G, R, K·o)
        product = product.view(groups, -1, taps, outer).permute(1, 2, 0, 3)
    return product.reshape(-1, groups * outer)


def project_to_input(grad: Tensor, matrix: Tensor) -> Tensor:
    """Gradient of the table: (R·K, O), (G, c, K, o) -> (R, C)."""
    groups, inner, taps, outer = matrix.shape
    grad = grad.view(-1, taps, groups, outer)
    if inner == 1:
        return (grad * _depthwise(matrix)).sum((1, 3))
    product = torch.bmm(_taps_by_group(grad), matrix.flatten(2).transpose(1, 2))  # (G, R, c)
    return product.transpose(0, 1).reshape(-1, groups * inner)


def project_to_weight(grad: Tensor, table: Tensor, matrix: Tensor) -> Tensor:
    """Gradient of the matrix: (R·K, O), (R, C) -> (G, c, K, o)."""
    groups, inner, taps, outer = matrix.shape
    grad = grad.view(-1, taps, groups, outer)
    if inner == 1:
        product = (grad * table.view(-1, 1, groups, 1)).sum(0)  # (K, G, o)
        return product.transpose(0, 1).unsqueeze(1)
    product = torch.bmm(_by_group(table, groups).transpose(1, 2), _taps_by_group(grad))
    return product.view_as(matrix)


def _by_group(table: Tensor, groups: int) -> Tensor:
    """(R, C) -> (G, R, c)."""
    return table.view(len(table), groups, -1).transpose(0, 1)


def _taps_by_group(grad: Tensor) -> Tensor:
    """(R, K, G, o) -> (G, R, K·o)."""
    return grad.permute(2, 0, 1, 3).flatten(2)


def _depthwise(matrix: Tensor) -> Tensor:
    """(G, 1, K, o) -> (K, G, o)."""
    return matrix[:, 0].transpose(0, 1).contiguous()
