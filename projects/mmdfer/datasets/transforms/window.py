"""Windows of frames a stride apart, evenly placed, or as the masked-autoencoder line of DFER takes them."""
from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS


@TRANSFORMS.register_module()
class SampleWindow(BaseTransform):
    """``num_frames`` frames, ``stride`` apart, as one clip of that length; MAE-DFER's 16 and 4 (FERV39k: 1).

    A window spans (T - 1) · stride + 1 frames. In training its place is random, in testing ``num_windows`` of
    them lie evenly between the clip's first and last frame, one alone in the middle. Where the clip ends
    before the window it is padded with its last frame. Sets ``frame_inds`` (num_windows · T,), ``clip_len`` =
    T and ``num_clips`` = num_windows, views whose probabilities a head averages.

    Args:
        num_frames: frames T of a window.
        stride: frames from one to the next.
        num_windows: windows of a clip in testing; training takes one.
        test_mode: place the windows evenly.

    Raises:
        ValueError: for a number below 1, or several windows in training.
    """

    def __init__(self, num_frames: int = 16, stride: int = 4, num_windows: int = 1, test_mode: bool = False) -> None:
        _check_numbers(type(self).__name__, num_frames, stride, num_windows, test_mode)
        self.num_frames, self.stride, self.num_windows, self.test_mode = num_frames, stride, num_windows, test_mode

    def starts(self, total_frames: int) -> np.ndarray:
        """First frames of the windows of a clip."""
        room = max(total_frames - ((self.num_frames - 1) * self.stride + 1), 0)
        if not self.test_mode:
            return np.random.randint(room + 1, size=1)
        if self.num_windows == 1:
            return np.array([room // 2])
        return np.linspace(0, room, self.num_windows).round().astype(int)

    def transform(self, results: dict) -> dict:
        total = results['total_frames']
        frames = self.starts(total)[:, None] + np.arange(self.num_frames) * self.stride        # (windows, T)
        return dict(results, frame_inds=np.minimum(frames, total - 1).flatten() + results.get('start_index', 0),
                    clip_len=self.num_frames, frame_interval=self.stride, num_clips=self.num_windows)


@TRANSFORMS.register_module()
class SampleStridedWindow(BaseTransform):
    """T = ``num_frames`` frames, about ``stride`` apart, as the code of VideoMAE and of what stands on it takes them.

    In training a clip of more than T · stride frames gives a random window of that length and T points evenly in it;
    a shorter one gives n // stride points evenly over its n frames, and its last frame for the rest. In testing the
    frames 0, stride, 2 · stride, ... are taken, the last again until there are T, and ``num_windows`` windows of T
    lie evenly among them: of two, the first T and the last T. A clip of at most T such frames gives equal windows,
    which are run once (``DistinctViewsHook``).

    Sets ``frame_inds`` (num_windows · T,), ``clip_len`` = T and ``num_clips`` = num_windows, views whose
    probabilities a head averages.

    Args:
        num_frames: frames T of a window.
        stride: frames from one to the next: 4 on DFEW and MAFW, 1 on FERV39k.
        num_windows: windows of a clip in testing; training takes one.
        test_mode: take the same windows every time.

    Raises:
        ValueError: for a number below 1, or several windows in training.
    """

    def __init__(self, num_frames: int = 16, stride: int = 4, num_windows: int = 1, test_mode: bool = False) -> None:
        _check_numbers(type(self).__name__, num_frames, stride, num_windows, test_mode)
        self.num_frames, self.stride, self.num_windows, self.test_mode = num_frames, stride, num_windows, test_mode

    def training_frames(self, total: int) -> np.ndarray:
        """Frames (T,) of one random window."""
        span, points = self.num_frames * self.stride, total // self.stride
        if total > span:
            start = np.random.randint(total - span + 1)
            return np.linspace(start, start + span, self.num_frames).clip(max=start + span - 1).astype(int)
        padded = np.full(self.num_frames, total - 1)
        padded[:points] = np.linspace(0, total, points).clip(max=total - 1)
        return padded

    def test_frames(self, total: int) -> np.ndarray:
        """Frames (num_windows, T) of the windows."""
        strided = np.arange(0, total, self.stride)
        room = max(len(strided) - self.num_frames, 0)
        starts = np.linspace(0, room, self.num_windows).astype(int)
        places = starts[:, None] + np.arange(self.num_frames)
        return strided[np.minimum(places, len(strided) - 1)]

    def transform(self, results: dict) -> dict:
        take = self.test_frames if self.test_mode else self.training_frames
        frames = take(results['total_frames']).flatten() + results.get('start_index', 0)
        return dict(results, frame_inds=frames, clip_len=self.num_frames, frame_interval=self.stride,
                    num_clips=self.num_windows)


def _check_numbers(name: str, num_frames: int, stride: int, num_windows: int, test_mode: bool) -> None:
    if min(num_frames, stride, num_windows) < 1:
        raise ValueError(f'{name}: num_frames={num_frames}, stride={stride} and num_windows={num_windows} must all be '
                         '1 or more')
    if num_windows > 1 and not test_mode:
        raise ValueError(f'{name}: num_windows={num_windows} is for testing: set test_mode=True, or one window')
