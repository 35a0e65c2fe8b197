"""The frames of a folder or a video, one after the other, as often as they are asked for."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .clips import Clip
from .errors import BadClipError


class ClipFrames:
    """RGB frames (H, W, 3) of a clip; few of them are in memory at a time.

    Raises:
        BadClipError: for a clip that does not open or decode, or whose frames differ in size.
    """

    def __init__(self, clip: str, at_a_time: int = 16) -> None:
        self.clip, self.at_a_time = Clip(clip), at_a_time
        self.clip.close()

    def __len__(self) -> int:
        return len(self.clip)

    def __iter__(self) -> Iterator[np.ndarray]:
        size = None
        with self.clip as clip:
            for start in range(0, len(clip), self.at_a_time):
                for frame in clip.frames(range(start, min(start + self.at_a_time, len(clip)))):
                    if size is not None and frame.shape != size:
                        raise BadClipError(f'{clip.path}: its frames differ in size ({size[1]}x{size[0]} and '
                                           f'{frame.shape[1]}x{frame.shape[0]}); extract the clip again')
                    size = frame.shape
                    yield frame
