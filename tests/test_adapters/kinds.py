"""Every adapter and its variants, small, for the tests of the family."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from mmdfer.adapters import TokenGrid
from mmdfer.registry import MODELS

GRID = TokenGrid(frames=3, height=2, width=4, leading=1)
# By name: what a config says of it; each is 6 wide and starts at zero.
KINDS = {
    'fe': dict(type='FEAdapter'),
    'fe_depthwise': dict(type='FEAdapter', groups=6),
    'fe_conv3d': dict(type='FEAdapter', conv='Conv3d'),
    'fe_modulated': dict(type='FEAdapter', size_map='xy', modulation=True),
    'st': dict(type='STAdapter'),
    'tma': dict(type='TemporalModelingAdapter', num_heads=2),
    's2d_temporal': dict(type='S2DTemporalAdapter', num_heads=2),
    's2d_temporal_normed': dict(type='S2DTemporalAdapter', num_heads=2, norm_input=True),
    'bottleneck': dict(type='BottleneckAdapter'),
    'bottleneck_relu': dict(type='BottleneckAdapter', act='relu', drop_path=0.5),
    'shared': dict(type='SharedAdapter', zero_init=True),
    'fru': dict(type='FRUAdapter', frames=3),
    'experts': dict(type='ExpertMixture', num_experts=4),
    **{f'tda_{recurrence}': dict(type='TemporalDynamicAdapter', recurrence=recurrence)
       for recurrence in ('none', 'rnn', 'lstm', 'gru')},
    **{f'tda_gru_{scaling}': dict(type='TemporalDynamicAdapter', scaling=scaling)
       for scaling in ('none', 'input', 'recurrent')},
}
PATCH_KINDS = [name for name in KINDS if name.startswith(('fe', 'st', 'tma'))]
TOKEN_KINDS = [name for name in KINDS if name not in PATCH_KINDS]
VIDEO_KINDS = PATCH_KINDS + [name for name in KINDS if name.startswith(('tda', 's2d', 'fru')) and name != 'tda_none']


# What gets no gradient in testing: the noise of a router.
IDLE_IN_TESTING = ('noise.weight', 'noise.bias')


def config(kind: str, **more) -> dict:
    return dict(KINDS[kind], width=6, **more)


def make(kind: str, dim: int = 8, **more) -> nn.Module:
    return MODELS.build(config(kind, dim=dim, **more))


def tokens(batch: int = 2, dim: int = 8, seed: int = 0, grid: TokenGrid = GRID) -> Tensor:
    return torch.randn(batch * grid.frames, grid.tokens, dim, generator=torch.Generator().manual_seed(seed))


def shaken(module: nn.Module, std: float = 0.2) -> nn.Module:
    """The module with all tunable weights off their starting values."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(std * torch.randn(parameter.shape, generator=generator))
    return module


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
