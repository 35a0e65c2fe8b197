"""A moment of a camera, recorded as a video like any other."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

from ..datasets.video_index import av
from ..files import whole_file


def record(number: int, seconds: float, folder: str) -> Path:
    """Record a camera until Ctrl-C, or for some seconds, with each frame's own time.

    Args:
        number: of the camera, from 0.
        seconds: longest.
        folder: where ``camera_<number>.mp4`` goes.

    Raises:
        ValueError: for a camera that is not there or gives no picture.
    """
    import cv2

    camera = cv2.VideoCapture(number)
    if not camera.isOpened():
        camera.release()
        raise ValueError(
            f'--camera {number}: no such camera; see which there are (/dev/video* on Linux), or give a video'
        )
    path, library, count = Path(folder) / f'camera_{number}.mp4', av(), 0
    clock = Fraction(1, 90000)
    print(f'recording camera {number} for {seconds:.0f} s, Ctrl-C ends it', flush=True)
    try:
        with whole_file(path) as partial, library.open(str(partial), 'w', format='mp4') as out:
            stream, began = None, time.perf_counter()
            try:
                while (now := time.perf_counter() - began) < seconds:
                    there, frame = camera.read()
                    if not there:
                        break
                    height, width = (extent - extent % 2 for extent in frame.shape[:2])
                    if stream is None:
                        stream = out.add_stream('libx264', rate=30, options=dict(crf='18', preset='ultrafast'))
                        stream.width, stream.height, stream.pix_fmt, stream.time_base = width, height, 'yuv420p', clock
                        stream.codec_context.time_base = clock
                    picture = library.VideoFrame.from_ndarray(frame[:height, :width], format='bgr24')
                    picture.pts, picture.time_base = round(now / clock), clock
                    out.mux(stream.encode(picture))
                    count += 1
            except KeyboardInterrupt:
                print('recording ends')
            if stream is None:
                raise ValueError(f'--camera {number}: gives no picture')
            out.mux(stream.encode(None))
    finally:
        camera.release()
    print(f'{count} frames recorded: {path}')
    return path
