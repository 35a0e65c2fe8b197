"""The form of D2Conv3D that leaves PyTorch is the operator: every size map, group, stride, kernel, with and without
modulation, sizes beyond the clip included."""
import itertools

import pytest
import torch
from torch import nn

from mmdfer.ops import d2conv3d
from mmdfer.ops._gathering import gathered
from mmdfer.ops._sampling import Geometry
from mmdfer.ops.recurrence import scanned_gru


@pytest.mark.parametrize('maps, groups, modulated', itertools.product((1, 2, 3), (1, 2, 4), (False, True)))
def test_gathering_is_the_operator(maps, groups, modulated):
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    for kernel, stride, dilation in (((3, 3, 3), (1, 1, 1), (1, 1, 1)), ((1, 3, 5), (1, 2, 1), (1, 1, 2)),
                                     ((1, 1, 1), (2, 2, 2), (1, 1, 1))):
        geometry = Geometry(kernel, stride, tuple(k // 2 for k in kernel), dilation, groups)
        x, weight, bias = random(2, 4, 4, 6, 9), random(8, 4 // groups, *kernel), random(8)
        output = geometry.output_shape(x.shape[2:])
        size = 3 * random(2, maps, *output).abs()
        modulation = random(2, kernel[0] * kernel[1] * kernel[2], *output) if modulated else None
        expected = d2conv3d(x, size, weight, bias, modulation, *geometry[1:])
        torch.testing.assert_close(gathered(x, size, weight, bias, modulation, geometry), expected)


def test_a_recurrence_that_cannot_be_scanned_is_refused():
    with pytest.raises(ValueError, match="export to ONNX, or train the model with recurrence='gru'"):
        scanned_gru(nn.LSTM(4, 4, batch_first=True), torch.zeros(1, 2, 4))
