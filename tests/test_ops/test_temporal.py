import pytest
import torch
import torch.nn.functional as F

from mmdfer.ops import DepthwiseConv3d
from mmdfer.ops.temporal import convolve_over_time


@pytest.mark.parametrize('taps, frames', [(3, 4), (5, 2), (1, 3)])
def test_shifted_products_are_the_depthwise_convolution(taps, frames):
    torch.manual_seed(0)
    x = torch.randn(2, 3, frames, 2, 2, dtype=torch.float64, requires_grad=True)
    layer = DepthwiseConv3d(3, (taps, 1, 1)).double()
    expected = F.conv3d(x, layer.weight, layer.bias, padding=(taps // 2, 0, 0), groups=3)
    assert torch.allclose(convolve_over_time(x, layer.weight, layer.bias), expected, atol=1e-12)
    assert torch.allclose(convolve_over_time(x, layer.weight, None) + layer.bias.view(3, 1, 1, 1), expected, atol=1e-12)
    assert torch.autograd.gradcheck(convolve_over_time, (x, layer.weight, layer.bias))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('kernel', [(3, 1, 1), (3, 3, 3)])
def test_the_layer_is_the_same_on_a_gpu(kernel):
    torch.manual_seed(0)
    layer, x = DepthwiseConv3d(16, kernel).double(), torch.randn(2, 16, 4, 5, 5, dtype=torch.float64)
    assert torch.allclose(layer.cuda()(x.cuda()).cpu(), layer.cpu()(x), atol=1e-10)
    with torch.autocast('cuda', dtype=torch.bfloat16):
        half = layer.float().cuda()(x.float().cuda())
    assert half.dtype == torch.bfloat16 and torch.allclose(half.double().cpu(), layer.double().cpu()(x), atol=5e-2)
