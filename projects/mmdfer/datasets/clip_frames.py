"""The frames of a folder or a video, one after the other, as often as they are asked for."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .errors import BadClipError
from .transforms.clip import ClipDecode, ClipInit


class ClipFrames:
    """RGB frames (H, W, 3) of a clip; few of them are in memory at a time.

    Raises:
        BadClipError: for a clip that does not open or decode, or whose frames differ in size.
    """

    def __init__(self, clip: str, at_a_time: int = 16) -> None:
        self.clip, self.at_a_time = clip, at_a_time
        self.length = ClipInit()(dict(clip=clip))['total_frames']

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[np.ndarray]:
        opened = ClipInit()(dict(clip=self.clip, modality='RGB'))
        reader, size = opened.get('video_reader'), None
        for start in range(0, self.length, self.at_a_time):
            index = np.arange(start, min(start + self.at_a_time, self.length))
            # The decoding step lets go of the video's reader, so each step gets it again.
            step = dict(opened, frame_inds=index, **({} if reader is None else dict(video_reader=reader)))
            for frame in ClipDecode()(step)['imgs']:
                if size is not None and frame.shape != size:
                    raise BadClipError(f'{self.clip}: its frames differ in size ({size[1]}x{size[0]} and '
                                       f'{frame.shape[1]}x{frame.shape[0]}); extract the clip again')
                size = frame.shape
                yield frame
