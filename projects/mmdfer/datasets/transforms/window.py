"""Windows of neighbouring frames, as the masked-autoencoder line of DFER samples a clip."""
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
        if min(num_frames, stride, num_windows) < 1:
            raise ValueError(f'SampleWindow: num_frames={num_frames}, stride={stride} and num_windows={num_windows} must '
                             'all be 1 or more')
        if num_windows > 1 and not test_mode:
            raise ValueError(f'SampleWindow: num_windows={num_windows} is for testing: set test_mode=True, or one window')
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
