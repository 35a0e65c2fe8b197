"""S2D's stages: before each block, attention over time and guidance by landmarks, with a stream of their own."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from ...adapters import S2DTemporalAdapter, TokenGrid
from .landmarks import LandmarkFeatures

BETA = 10.
_STD = 0.02


class Stage(nn.Module):
    """Normed patches h and landmarks ã (B·T, N, C) -> u = S(LN(T(h))) and v = W_up[fovea(W_0 h) + W_1 ã].

    fovea(z) = z · softmax of βz over the N patches of a frame, in each channel; β is learned and starts at 10.

    Args:
        dim: token width C.
        width: channels between.
        temporal: arguments of :class:`S2DTemporalAdapter` beside ``dim``.
        zero_init: start u and v at zero. In the release both start at a truncated normal of 0.02.
        guided: whether there is v; without landmarks a stage is u alone.
    """

    def __init__(self, dim: int, width: int = 8, temporal: dict | None = None, zero_init: bool = True,
                 guided: bool = True) -> None:
        super().__init__()
        self.temporal = S2DTemporalAdapter(dim, **dict(dict(zero_init=zero_init), **(temporal or {})))
        if not guided:
            return
        self.down, self.down_landmarks = nn.Linear(dim, width), nn.Linear(dim, width)
        self.up = nn.Linear(width, dim)
        self.beta = nn.Parameter(torch.full((1, ), BETA))
        for layer in (self.down, self.down_landmarks, self.up):
            nn.init.trunc_normal_(layer.weight, std=_STD)
            nn.init.zeros_(layer.bias)
        if zero_init:
            nn.init.zeros_(self.up.weight)

    def forward(self, h: Tensor, grid: TokenGrid) -> Tensor:
        """u, by attention over time."""
        return self.temporal(h, grid) if self.temporal.enabled else torch.zeros_like(h)

    def guide(self, h: Tensor, landmarks: Tensor) -> Tensor:
        """v, by landmarks."""
        z = self.down(h)                                                    # (B·T, N, width)
        return self.up(z * (self.beta * z).softmax(dim=1) + self.down_landmarks(landmarks))


class Stages(nn.Module):
    """All stages of a tower: frames' landmark features, their embedding, norms, and a :class:`Stage` before each block.

    Stage i (from 0) makes of patches x and the stream a: u, v of LN_max(i-1, 0)(x) and LN_0(a); then x ← x + u + v and
    a ← v. The last norm is there, as in the release, and unused.

    Args:
        dim: token width C.
        depth: number of blocks.
        landmarks: arguments of :class:`LandmarkFeatures`; ``None`` for stages of attention over time alone.
        width, temporal, zero_init: of :class:`Stage`.
    """

    def __init__(self, dim: int, depth: int, landmarks: dict | None, width: int = 8, temporal: dict | None = None,
                 zero_init: bool = True) -> None:
        super().__init__()
        self.landmarks = None if landmarks is None else LandmarkFeatures(**landmarks)
        self.norms = nn.ModuleList(nn.LayerNorm(dim, eps=1e-6) for _ in range(depth))
        guided = self.landmarks is not None
        self.blocks = nn.ModuleList(Stage(dim, width, temporal, zero_init, guided) for _ in range(depth))
        if self.landmarks is None:
            return
        self.embed = nn.Linear(self.landmarks.net.CHANNELS, dim)
        nn.init.trunc_normal_(self.embed.weight, std=_STD)
        nn.init.zeros_(self.embed.bias)

    def start(self, frames: Tensor, resolution: tuple[int, int]) -> Tensor | None:
        """The stream a_0 (B·T, H·W, C) of frames (B·T, 3, ...); none without landmarks."""
        if self.landmarks is None:
            return None
        features = self.landmarks(frames, resolution)                       # (B·T, 128, H, W)
        return self.embed(features.flatten(2).transpose(1, 2))

    def forward(self, index: int, patches: Tensor, stream: Tensor | None,
                grid: TokenGrid) -> tuple[Tensor, Tensor | None]:
        """What stage ``index`` adds to patches (B·T, H·W, C), and the stream that it leaves."""
        h = self.norms[max(index - 1, 0)](patches)
        over_time = self.blocks[index](h, grid)
        if stream is None:
            return over_time, None
        guided = self.blocks[index].guide(h, self.norms[0](stream))
        return over_time + guided, guided
