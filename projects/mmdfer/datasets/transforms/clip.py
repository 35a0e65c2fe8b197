"""Opening a clip, choosing its frames and decoding them, whether it is a folder, a video or part of a pack."""
from __future__ import annotations

import numpy as np
from mmaction.datasets.transforms import SampleFrames
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS
from ..clips import READER, Clip, list_frames, natural_key, read_frame

__all__ = ['ClipDecode', 'ClipInit', 'SampleSegments', 'list_frames', 'natural_key', 'read_frame']


@TRANSFORMS.register_module()
class ClipInit(BaseTransform):
    """Open ``clip``, a folder of frames or a video file, and count its frames on the disk.

    Adds ``opened`` (a :class:`~mmdfer.datasets.clips.Clip`), ``clip_frames``, the frames of the whole clip,
    ``total_frames`` and ``start_index``, those that the sampler sees, and for a video ``avg_fps``. A clip that a data
    set reads from a pack comes as ``packed``, and its folder is not looked at. With ``frame_range = (start, stop)`` in
    the results only that part of the clip is seen by the sampler.

    Args:
        reader: what reads videos, by its name in ``VIDEO_READERS``.

    Raises:
        BadClipError: for a folder without frames or a video that does not open.
    """

    def __init__(self, reader: str = READER) -> None:
        self.reader = reader

    def transform(self, results: dict) -> dict:
        clip = Clip(results['clip'], results.get('packed'), self.reader)
        start, stop = results.get('frame_range', (0, len(clip)))
        known = {} if clip.fps is None else dict(avg_fps=clip.fps)
        return dict(results, opened=clip, clip_frames=len(clip), start_index=start, total_frames=stop - start, **known)


@TRANSFORMS.register_module()
class SampleSegments(SampleFrames):
    """One frame from each of ``num_frames`` equal segments, as one clip of that length.

    In training a random frame of each segment, in testing its centre. A clip with fewer frames than
    segments gives each frame once and is padded with its last one, as published code does; MMAction2's
    ``SampleFrames`` would repeat frames in between. Sets ``frame_inds`` (T,), ``clip_len`` = T and
    ``num_clips`` = 1.
    """

    def __init__(self, num_frames: int = 16, test_mode: bool = False) -> None:
        super().__init__(clip_len=1, num_clips=num_frames, test_mode=test_mode)
        self.num_frames = num_frames

    def _sample_clips(self, num_frames: int, ori_clip_len: float) -> np.ndarray:
        if num_frames < self.num_frames:
            return np.minimum(np.arange(self.num_frames), num_frames - 1)
        return super()._sample_clips(num_frames, ori_clip_len).astype(int)

    def transform(self, results: dict) -> dict:
        results = super().transform(results)
        results['clip_len'], results['num_clips'] = self.num_frames, 1
        return results


@TRANSFORMS.register_module()
class ClipDecode(BaseTransform):
    """Decode the sampled frames of an opened clip to ``imgs``, RGB arrays (H, W, 3) of uint8, and close it.

    Args:
        min_size: decode JPEGs straight to a half, a quarter or an eighth of their size, as long as their shorter
            side keeps this length. Give what the pipeline needs before it crops: for crops down to an area of
            0.7 and 224 pixels, ``224 / sqrt(0.7 * 0.85)``, about 290. ``None`` decodes frames whole.

    Raises:
        BadClipError: for a frame that is cut short or does not decode; it names the file.
        ValueError: for a size below 1.
    """

    def __init__(self, min_size: int | None = None) -> None:
        if min_size is not None and min_size < 1:
            raise ValueError(f'ClipDecode: min_size={min_size}; expected 1 or more, or None')
        self.min_size = min_size

    def transform(self, results: dict) -> dict:
        with results['opened'] as clip:
            results['imgs'] = clip.frames(results['frame_inds'], self.min_size)
        results['original_shape'] = results['img_shape'] = results['imgs'][0].shape[:2]
        return results
