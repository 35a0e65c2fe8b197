"""Opening a clip, choosing its frames and decoding them, whether it is a folder or a video."""
from __future__ import annotations

import os
import re
from collections.abc import Callable

import numpy as np
from mmaction.datasets.transforms import DecordDecode, DecordInit, SampleFrames
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS
from ..errors import BadClipError
from .decoding import decode_image

FRAME_SUFFIXES = ('.jpg', '.jpeg', '.png')


def natural_key(name: str) -> list:
    """Sort key under which ``2.jpg`` comes before ``10.jpg``."""
    return [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', name)]


@TRANSFORMS.register_module()
class ClipInit(BaseTransform):
    """Open ``clip``, a folder of frames or a video file, and count its frames on the disk.

    Adds ``total_frames``, ``start_index`` and, for a folder, ``frame_names`` in natural order, for a video
    decord's reader and ``avg_fps``. A clip that a data set reads from a pack comes as ``packed``, and its folder
    is not looked at. With ``frame_range = (start, stop)`` in the results only that part of
    the clip is seen by the sampler.

    Raises:
        BadClipError: for a folder without frames or a video that does not open.
    """

    def __init__(self) -> None:
        self.open_video = DecordInit()

    def transform(self, results: dict) -> dict:
        clip = results['clip']
        if 'packed' in results:
            results['total_frames'] = len(results['packed'])
        elif os.path.isdir(clip):
            results['frame_names'] = list_frames(clip)
            results['total_frames'] = len(results['frame_names'])
        else:
            results = self._open(dict(results, filename=clip))
        start, stop = results.get('frame_range', (0, results['total_frames']))
        return dict(results, start_index=start, total_frames=stop - start)

    def _open(self, results: dict) -> dict:
        if not os.path.isfile(results['clip']):
            raise BadClipError(f'{results["clip"]}: no such folder or video')
        results = _reading(results['clip'], self.open_video, results)
        if results['total_frames'] < 1:
            raise BadClipError(f'{results["clip"]}: the video has no frames')
        return results


def list_frames(folder: str) -> list[str]:
    """Names of the frames in a folder, in natural order.

    Raises:
        BadClipError: if there are none.
    """
    names = sorted((name for name in os.listdir(folder) if name.lower().endswith(FRAME_SUFFIXES)), key=natural_key)
    if not names:
        raise BadClipError(f'{folder}: holds no frame (.jpg or .png); extract the clip again, or leave it out by '
                           '--skip-bad-clips')
    return names


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
    """Decode the sampled frames of an opened clip to ``imgs``, RGB arrays (H, W, 3) of uint8.

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
        self.decode_video = DecordDecode()

    def transform(self, results: dict) -> dict:
        if 'packed' not in results and 'frame_names' not in results:
            return _reading(results['clip'], self.decode_video, results)
        frames: dict[int, np.ndarray] = {}
        for index in results['frame_inds']:
            if index not in frames:
                frames[index] = self._frame(results, index)
        results['imgs'] = [frames[index] for index in results['frame_inds']]
        results['original_shape'] = results['img_shape'] = results['imgs'][0].shape[:2]
        return results

    def _frame(self, results: dict, index: int) -> np.ndarray:
        if 'packed' in results:
            return results['packed'].frame(index, self.min_size)
        return read_frame(os.path.join(results['clip'], results['frame_names'][index]), self.min_size)


def read_frame(path: str, min_size: int | None = None) -> np.ndarray:
    """An image file as an RGB array (H, W, 3); ``min_size`` is :func:`decode_image`'s.

    Raises:
        BadClipError: if it is missing, cut short or does not decode.
    """
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except OSError as error:
        raise BadClipError(f'{path}: cannot be read ({error.strerror})') from None
    return decode_image(data, path, min_size)


def _reading(clip: str, step: Callable[[dict], dict], results: dict) -> dict:
    """Run one of decord's steps; its many error types become one that names the clip."""
    import decord
    try:
        return step(results)
    except (decord.DECORDError, RuntimeError, OSError, IndexError) as error:
        reason = str(error).strip().splitlines()
        raise BadClipError(f'{clip}: the video does not decode ({reason[-1][:120] if reason else type(error).__name__}); '
                           'encode it again, or leave it out by --skip-bad-clips') from None
