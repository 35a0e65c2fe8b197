"""FRU-Adapter: frames weighed by their means, then attention over time (Electronics 2025)."""
from __future__ import annotations

from collections.abc import Iterable

from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor, nn

from ..registry import MODELS
from .base import Adapter
from .grid import TokenGrid


@MODELS.register_module()
class FRUAdapter(Adapter):
    """(u + attn_T(LN u)) W_up with u = w_t · LN(x W_down), what is added to every token x (B·T, L, C).

    The frame recalibration unit weighs the frames of a clip: w = softmax over T of W g + b, with g_t the mean
    of LN(x W_down) over the tokens and channels of frame t. Attention over time has one head and runs along
    the frames of each token position. There is no activation. The paper puts one beside every block of a
    ViT-L (``parallel_block``): 330,128 parameters for C = 1024, r = 128, T = 16.

    Args:
        dim: token width C.
        width: bottleneck width r.
        frames: frames T of a clip, which the weights of the recalibration fix; 1 in a text tower.
        zero_init: start W_up at zero; the release leaves PyTorch's own start.

    Raises:
        ValueError: for a width or a number of frames that is not positive, and for clips of another length.
    """

    def __init__(self, dim: int, width: int = 128, frames: int = 16, zero_init: bool = True) -> None:
        super().__init__(zero_init)
        if width < 1 or frames < 1:
            raise ValueError(f'FRUAdapter: width={width} and frames={frames} must be positive')
        self.frames = frames
        self.down = nn.Linear(dim, width)
        self.norm = nn.LayerNorm(width)
        self.weigh = nn.Linear(frames, frames)
        self.temporal_norm = nn.LayerNorm(width)
        self.attn = MultiheadAttention(width, num_heads=1)
        self.up = nn.Linear(width, dim)
        self.init_weights()

    def zeroed(self) -> Iterable[nn.Parameter]:
        return self.up.parameters()

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        if grid.frames != self.frames:
            raise ValueError(f'FRUAdapter weighs clips of frames={self.frames}, got clips of {grid.frames}: sample as '
                             'many, or set frames to what the tower makes of a clip and train it anew')
        z = self.norm(self.down(x))                                         # (B·T, L, r)
        means = z.mean(dim=(1, 2)).reshape(-1, self.frames)                 # (B, T)
        weights = self.weigh(means).softmax(dim=1).reshape(-1, 1, 1)        # (B·T, 1, 1)
        sequences = grid.to_sequences(z * weights)                          # (B·L, T, r)
        mixed = sequences + self.attn(self.temporal_norm(sequences))
        return self.up(grid.from_sequences(mixed, x.shape[1]))
