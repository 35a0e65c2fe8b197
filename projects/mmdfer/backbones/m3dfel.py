"""M3DFEL: a clip as a bag of short instances, each seen by a 3D ResNet (CVPR 2023)."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from ..registry import MODELS
from ..weights import load_video_resnet


class DMIN(nn.Module):
    """Dynamic multi-instance normalization of bags (B, N, C) of N instances.

    Per channel, mean μ and unbiased variance σ² over the instances; over the channels, the mean μ̄ of μ, and
    E[σ² + μ²] - μ̄². Each of both pairs is mixed by a softmax of two learned scalars, and a learned scale and shift a
    channel follow.

    Args:
        channels: C.
        eps: added to the variance.

    Raises:
        ValueError: for bags of a single instance, which have no unbiased variance.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(1, channels, 1))
        self.bias = nn.Parameter(torch.zeros(1, channels, 1))
        self.mean_weight = nn.Parameter(torch.ones(2))
        self.var_weight = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] < 2:
            raise ValueError(f'DMIN: a bag of {x.shape[1]} instance has no variance: give clips of two instances or '
                             'more')
        mean = x.mean(dim=1, keepdim=True)                                             # (B, 1, C)
        var = x.var(dim=1, keepdim=True)
        layer_mean = mean.mean(dim=2, keepdim=True)                                    # (B, 1, 1)
        layer_var = (var + mean**2).mean(dim=2, keepdim=True) - layer_mean**2
        of_mean, of_var = self.mean_weight.softmax(0), self.var_weight.softmax(0)
        mean = of_mean[0] * mean + of_mean[1] * layer_mean
        var = of_var[0] * var + of_var[1] * layer_var
        x = (x - mean) / (var + self.eps).sqrt()
        return x * self.weight.transpose(1, 2) + self.bias.transpose(1, 2)


@MODELS.register_module()
class M3DFEL(BaseModule):
    """Clips (B, 3, T, H, W) in [0, 1] -> one feature of each, (B, 1, D) (Wang et al., CVPR 2023).

    A clip is a bag of N = T / instance_length instances, which ``resnet`` sees one by one, (B, N, 512); two
    bidirectional LSTM layers make them y (B, N, D), D = 1024. The bag's feature is ::

        z = DMIN(MHSA(y));   f = Conv1d(y · sigmoid(z))

    where the attention over instances has no bias and no output projection, and the convolution, of kernel 3, takes
    the N instances for its channels and goes along the D features. :class:`mmdfer.heads.LinearVideoHead` classifies f.
    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` reads torchvision's file of ``r3d_18`` (Kinetics).

    Args:
        num_frames: T.
        instance_length: frames of an instance.
        resnet: config of a 3D network (B, 3, T, H, W) -> (B, C, T', H', W'), such as MMAction2's ``ResNet3d``.
        resnet_channels: C.
        hidden: channels of the LSTM in each direction; D is twice as many.
        num_heads: heads of the attention.

    Raises:
        ValueError: for frames that make no whole instances, or clips of another length.
    """

    def __init__(self, resnet: dict, num_frames: int = 16, instance_length: int = 4, resnet_channels: int = 512,
                 hidden: int = 512, num_heads: int = 8, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if num_frames % instance_length or num_frames < 2 * instance_length:
            raise ValueError(f'M3DFEL: {num_frames} frames make no two or more whole instances of {instance_length}: '
                             'set num_frames to a multiple of instance_length')
        if 2 * hidden % num_heads:
            raise ValueError(f'M3DFEL: num_heads={num_heads} does not divide {2 * hidden}, twice hidden')
        self.num_frames, self.instance_length, self.num_heads = num_frames, instance_length, num_heads
        self.out_channels = 2 * hidden
        self.resnet = MODELS.build(resnet)
        self.lstm = nn.LSTM(resnet_channels, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.qkv = nn.Linear(2 * hidden, 6 * hidden, bias=False)
        self.norm = DMIN(2 * hidden)
        self.conv = nn.Conv1d(num_frames // instance_length, 1, 3, padding=1)

    def init_weights(self) -> None:
        """Initialise; a ``Pretrained`` file is torchvision's of the 3D ResNet alone."""
        pretrained = self.init_cfg if isinstance(self.init_cfg, dict) else {}
        if pretrained.get('type') != 'Pretrained':
            super().init_weights()
            return
        self.resnet.init_weights()
        load_video_resnet(self.resnet, pretrained['checkpoint'])
        self._is_init = True

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 5 or x.shape[2] != self.num_frames:
            raise ValueError(f'M3DFEL expects clips (B, 3, {self.num_frames}, H, W), got {tuple(x.shape)}: sample '
                             'num_frames frames of each, or set num_frames')
        batch = x.shape[0]
        instances = x.unflatten(2, (-1, self.instance_length)).transpose(1, 2)         # (B, N, 3, T / N, H, W)
        features = self.resnet(instances.flatten(0, 1)).mean(dim=(2, 3, 4))            # (B·N, C)
        y, _ = self.lstm(features.unflatten(0, (batch, -1)))                           # (B, N, D)
        return self.conv(y * self.norm(self.attend(y)).sigmoid())                      # (B, 1, D)

    def attend(self, y: Tensor) -> Tensor:
        """Self-attention over the instances, (B, N, D) -> (B, N, D)."""
        q, k, v = (part.unflatten(2, (self.num_heads, -1)).transpose(1, 2) for part in self.qkv(y).chunk(3, dim=-1))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
