"""A moment of a camera, recorded as a video like any other."""

from __future__ import annotations

import itertools
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
        folder: where ``camera_<number>.mp4`` goes, or ``camera_<number>_2.mp4`` where that is there already, and so on.

    Raises:
        ValueError: for a camera that is not there or gives no picture.
    """
    import cv2

    cv2.setLogLevel(0)  # one line of our own is enough
    camera = cv2.VideoCapture(number)
    if not camera.isOpened():
        camera.release()
        raise ValueError(
            f'--camera {number}: no such camera; see which there are (/dev/video* on Linux), or give a video'
        )
    names = (f'camera_{number}{"" if take == 1 else f"_{take}"}.mp4' for take in itertools.count(1))
    path = next(path for path in (Path(folder) / name for name in names) if not path.exists())
    library, count = av(), 0
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
