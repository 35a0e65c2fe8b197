"""Sums of shifted maps, compiled by numba: what a convolution with few outputs does behind its GEMM.

Addresses and the plan are those of :mod:`._columns`, with S, the number of maps, in the place of C.
"""
from __future__ import annotations

from ._column_reads import CHANNELS, DILATION, GRID, KERNEL, PADDING, SHAPE, STRIDE, compiled, inlined
from ._lanes import single, store, whole


@inlined
def taps_inside(place, axis, plan):
    """The cell of an axis that the first tap of an output reads, and the taps, from and to, that have a cell."""
    length, dilation = whole(plan, SHAPE + axis), whole(plan, DILATION + axis)
    cell = place * whole(plan, STRIDE + axis) - whole(plan, PADDING + axis)
    begin = (dilation - 1 - cell) // dilation if cell < 0 else 0
    end = (length - 1 - cell) // dilation + 1 if cell < length else 0
    return cell, begin, min(whole(plan, KERNEL + axis), end)


@compiled
def shift(clip, taps, out, plan, back):
    """out (T'·H'·W', S) += what its taps have for the voxels they read, (T·H·W, K, S), in the clip of this number.

    With ``back`` the other way: each tap and voxel gets the output that reads it; those that none reads stay.
    """
    maps, width = whole(plan, CHANNELS), whole(plan, SHAPE + 2)
    kh, kw = whole(plan, KERNEL + 1), whole(plan, KERNEL + 2)
    by_t, by_h, by_w = whole(plan, DILATION), whole(plan, DILATION + 1), whole(plan, DILATION + 2)
    here = clip * whole(plan, GRID) * whole(plan, GRID + 1) * whole(plan, GRID + 2) * maps
    for t in range(whole(plan, GRID)):
        t_cell, t_begin, t_end = taps_inside(t, 0, plan)
        t_cell += clip * whole(plan, SHAPE)
        for h in range(whole(plan, GRID + 1)):
            h_cell, h_begin, h_end = taps_inside(h, 1, plan)
            for w in range(whole(plan, GRID + 2)):
                w_cell, w_begin, w_end = taps_inside(w, 2, plan)
                for i in range(t_begin, t_end):
                    for j in range(h_begin, h_end):
                        row = ((t_cell + i * by_t) * whole(plan, SHAPE + 1) + h_cell + j * by_h) * width + w_cell
                        for k in range(w_begin, w_end):
                            tap = (((row + k * by_w) * whole(plan, KERNEL) + i) * kh + j) * kw + k
                            for s in range(maps):
                                if back:
                                    store(taps, tap * maps + s, single(out, here + s))
                                else:
                                    store(out, here + s, single(out, here + s) + single(taps, tap * maps + s))
                here += maps
