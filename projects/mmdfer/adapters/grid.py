"""Where the tokens of a clip lie: the one thing an adapter is told about its surroundings."""
from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class TokenGrid:
    """Layout of tokens (B·T, L, C): T frames of ``height`` × ``width`` patches each.

    ``leading`` tokens stand before the patches (the class token) and ``trailing`` ones after them
    (visual prompts), so L = leading + height·width + trailing.
    """
    frames: int
    height: int
    width: int
    leading: int = 1
    trailing: int = 0

    @property
    def patches(self) -> int:
        return self.height * self.width

    @property
    def tokens(self) -> int:
        return self.leading + self.patches + self.trailing

    @property
    def span(self) -> slice:
        """Where the patches stand among the L tokens."""
        return slice(self.leading, self.leading + self.patches)

    def check(self, x: Tensor) -> None:
        """Refuse tokens that are not (B·T, L, C) of this grid.

        Raises:
            ValueError: naming what was expected.
        """
        if x.ndim != 3 or x.shape[1] != self.tokens or x.shape[0] % self.frames:
            raise ValueError(f'tokens {tuple(x.shape)} do not fit {self}: expected (B·{self.frames}, {self.tokens}, '
                             'C)')

    def to_volume(self, patches: Tensor) -> Tensor:
        """Patch tokens (B·T, H·W, C) as a video volume (B, C, T, H, W); H, W in patches."""
        clips = patches.shape[0] // self.frames
        # (B·T, H·W, C) -> (B, T, H, W, C) -> (B, C, T, H, W)
        return patches.reshape(clips, self.frames, self.height, self.width, -1).permute(0, 4, 1, 2, 3)

    def to_tokens(self, volume: Tensor) -> Tensor:
        """A video volume (B, C, T, H, W) as patch tokens (B·T, H·W, C)."""
        # (B, C, T, H, W) -> (B, T, H, W, C) -> (B·T, H·W, C)
        return volume.permute(0, 2, 3, 4, 1).reshape(-1, self.patches, volume.shape[1])

    def to_sequences(self, x: Tensor, frames: int | None = None) -> Tensor:
        """Tokens (B·T, L, C) as one sequence over time for each token position of each clip, (B·L, T, C).

        ``frames`` cuts sequences of another length than a clip's.
        """
        frames, tokens, dim = frames or self.frames, x.shape[1], x.shape[2]
        # (B·T, L, C) -> (B, T, L, C) -> (B, L, T, C) -> (B·L, T, C)
        return x.reshape(-1, frames, tokens, dim).transpose(1, 2).reshape(-1, frames, dim)

    def from_sequences(self, sequences: Tensor, tokens: int) -> Tensor:
        """Back from sequences (B·L, T, C) to tokens (B·T, L, C)."""
        frames, dim = sequences.shape[1:]
        # (B·L, T, C) -> (B, L, T, C) -> (B, T, L, C) -> (B·T, L, C)
        return sequences.reshape(-1, tokens, frames, dim).transpose(1, 2).reshape(-1, tokens, dim)
