"""Frames as the releases of Former-DFER, IAL, M3DFEL and EmoCLIP take them, the same ones at each test."""
from __future__ import annotations

import warnings

import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS


class NeighbourSampler(BaseTransform):
    """One clip of ``num_frames`` frames by :meth:`frames`; sets ``frame_inds``, ``clip_len`` and ``num_clips`` = 1.

    Args:
        num_frames: T.
        test_mode: the same frames each time.
        release: what the release does where that differs; it warns.

    Raises:
        ValueError: for no frames.
    """

    differs: str                                # what the release does, for the warning

    def __init__(self, num_frames: int, test_mode: bool, release: bool) -> None:
        if num_frames < 1:
            raise ValueError(f'{type(self).__name__}: {num_frames} frames of a clip; expected 1 or more')
        self.num_frames, self.test_mode, self.release = num_frames, test_mode, release
        if release:
            warnings.warn(f'{type(self).__name__}: release=True: {self.differs}; leave it out to compare with other '
                          'systems', stacklevel=3)

    def frames(self, total: int) -> np.ndarray:
        """Places (T,) among the frames 0 to total - 1 of a clip."""
        raise NotImplementedError

    def transform(self, results: dict) -> dict:
        frames = self.frames(results['total_frames']) + results.get('start_index', 0)
        return dict(results, frame_inds=frames, clip_len=self.num_frames, num_clips=1)


@TRANSFORMS.register_module()
class SampleSnippets(NeighbourSampler):
    """``length`` neighbouring frames from each of ``num_segments`` segments (Former-DFER: 8 of 2).

    In training a snippet begins at random within its segment, in testing in its middle. Clips of few frames give some
    of them again, in order. The releases begin every snippet of a short clip at its first frame: where there are fewer
    places to begin than segments in training, and below ``num_segments + length`` frames in testing, so that IAL, of
    16 segments of 1 frame, tests a clip of exactly 16 frames on the first one sixteen times.

    Args:
        num_segments: segments of a clip.
        length: frames of a snippet.
        test_mode, release: of :class:`NeighbourSampler`.
    """

    differs = 'short clips are their first frames over and over'

    def __init__(self, num_segments: int = 8, length: int = 2, test_mode: bool = False, release: bool = False) -> None:
        self.num_segments, self.length = num_segments, length
        super().__init__(num_segments * length, test_mode, release)

    def frames(self, total: int) -> np.ndarray:
        room = max(total - self.length + 1, 1)                  # places where a snippet may begin
        short = total < self.num_segments + self.length if self.test_mode else room < self.num_segments
        if self.release and short:
            begins = np.zeros(self.num_segments, int)
        elif self.test_mode:
            begins = ((np.arange(self.num_segments) + 0.5) * room / self.num_segments).astype(int)
        elif room < self.num_segments:
            begins = np.sort(np.random.randint(room, size=self.num_segments))
        else:
            segment = room // self.num_segments
            begins = np.arange(self.num_segments) * segment + np.random.randint(segment, size=self.num_segments)
        return np.minimum(begins[:, None] + np.arange(self.length), total - 1).flatten()


@TRANSFORMS.register_module()
class SampleJittered(NeighbourSampler):
    """T frames evenly from the first, ⌊n · i / T⌋, each moved on by a random 0 to T - 1 in training (M3DFEL).

    A frame stays within the clip, and may come before one that it lies behind. The release moves them in testing too,
    so that two tests of one clip differ.

    Args:
        num_frames, test_mode, release: of :class:`NeighbourSampler`.
    """

    differs = 'frames are moved at random in testing too, so that no two tests give the same figures'

    def __init__(self, num_frames: int = 16, test_mode: bool = False, release: bool = False) -> None:
        super().__init__(num_frames, test_mode, release)

    def frames(self, total: int) -> np.ndarray:
        frames = np.arange(self.num_frames) * total // self.num_frames
        if not self.test_mode or self.release:
            frames = frames + np.random.randint(self.num_frames, size=self.num_frames)
        return np.minimum(frames, total - 1)


@TRANSFORMS.register_module()
class SampleCircular(NeighbourSampler):
    """T frames, ``stride`` apart, of the clip taken as a circle (EmoCLIP: 32, every second on MAFW, fourth elsewhere).

    In training they begin at a random one of every ``stride``-th frame, go on from the clip's first after its last,
    and end where they have gone round; in testing they begin so that they lie in the middle, or at the first frame of
    a clip that is no longer than they are. What then lacks is reflected. The release begins at random in testing too.

    Args:
        stride: frames from one to the next.
        num_frames, test_mode, release: of :class:`NeighbourSampler`.

    Raises:
        ValueError: for a stride below 1.
    """

    differs = 'a clip begins at a random frame in testing too, so that no two tests give the same figures'

    def __init__(self, num_frames: int = 32, stride: int = 4, test_mode: bool = False, release: bool = False) -> None:
        if stride < 1:
            raise ValueError(f'SampleCircular: stride={stride}; expected 1 or more')
        self.stride = stride
        super().__init__(num_frames, test_mode, release)

    def frames(self, total: int) -> np.ndarray:
        every = np.arange(0, total, self.stride)
        begin = max(len(every) - self.num_frames, 0) // 2
        if not self.test_mode or self.release:
            begin = np.random.randint(len(every))
        behind = max(begin + self.num_frames - len(every), 0)   # how many come from the clip's beginning
        chosen = np.concatenate([every[begin:begin + self.num_frames], every[:behind]])[:self.num_frames]
        return np.pad(chosen, (0, self.num_frames - len(chosen)), 'reflect')
