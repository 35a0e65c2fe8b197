"""A video of two drawn people side by side, longer than the set's, to show what is made of a video."""
from __future__ import annotations

import os
from fractions import Fraction

import numpy as np

from ..datasets.video_index import av
from ..files import whole_file
from .face_renderer import render_clip
from .identity import sample_identity
from .performance import sample_performance
from .plan import stream_rng
from .scene import sample_scene

ACTED = (('neutral', 'happy', 'neutral', 'surprise'), ('sad', 'neutral', 'angry', 'happy'))
"""What the person on the left does, and the one on the right; each lasts as long as the others."""
RATE = 25


def draw_pair(seed: int = 0, size: int = 240, seconds: float = 2.4) -> np.ndarray:
    """Two people in their own halves of the picture, each acting what :data:`ACTED` tells.

    Args:
        seed: of all randomness.
        size: edge of a half in pixels.
        seconds: that each expression lasts.

    Returns:
        (T, size, 2 * size, 3) uint8 frames, RGB.
    """
    halves = []
    for number, acted in enumerate(ACTED):
        rng = stream_rng(seed, 'video', 99001 + number)
        who, scene = sample_identity(stream_rng(seed, 'subject', 990001 + number)), sample_scene(rng)
        parts = [sample_performance(name, round(seconds * RATE), rng).frames for name in acted]
        halves.append(render_clip(who, scene, np.concatenate(parts), size, rng))
    return np.concatenate(halves, axis=2)


def write_pair(path: str | os.PathLike, seed: int = 0, size: int = 240, seconds: float = 2.4) -> None:
    """Write :func:`draw_pair` as an H.264 video, whole or not at all."""
    library = av()
    with whole_file(path) as partial, library.open(str(partial), 'w', format='mp4') as out:
        stream = out.add_stream('libx264', rate=RATE, options=dict(crf='18'))
        stream.width, stream.height, stream.pix_fmt = 2 * size, size, 'yuv420p'
        stream.time_base = Fraction(1, RATE)
        for frame in draw_pair(seed, size, seconds):
            out.mux(stream.encode(library.VideoFrame.from_ndarray(frame, format='rgb24')))
        out.mux(stream.encode(None))
