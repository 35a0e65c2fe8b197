"""From a plan's item to its pictures: subject, scene and acting drawn by the item's own seed."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .face_renderer import render_clip
from .identity import Identity, sample_identity
from .performance import Performance, sample_performance
from .plan import Item, Options, stream_rng
from .scene import Scene, sample_scene

NEAR_APEX = 0.66
"""Least share of the peak intensity in a static picture."""


def draw_clip(item: Item, options: Options) -> tuple[Performance, np.ndarray, Scene]:
    """Draw a clip or a video.

    Returns:
        The performance, its frames (T, size, size, 3) in RGB, and the scene.
    """
    rng, who, scene = _who_and_where(item, options)
    performance = sample_performance(item.name, _sample_length(item.stream, rng), rng)
    return performance, render_clip(who, scene, performance.frames, options.size, rng), scene


def clip_geometry(item: Item, options: Options) -> tuple[Identity, Performance]:
    """Who is seen in a clip or a video and what happens in it, without drawing it."""
    rng, who, _ = _who_and_where(item, options)
    return who, sample_performance(item.name, _sample_length(item.stream, rng), rng)


def draw_sitting(items: Sequence[Item], options: Options) -> tuple[list[Performance], np.ndarray, Scene]:
    """Draw static pictures of one subject in one place, each from a performance of its own.

    Returns:
        The performances, the pictures (len(items), size, size, 3) in RGB, and the scene.
    """
    rng, who, scene = _who_and_where(items[0], options)
    performances, rows = [], []
    for item in items:
        performance = sample_performance(item.name, _sample_length(item.stream, rng), rng)
        performances.append(performance)
        rows.append(performance.frames[_near_apex(performance, rng)])
    return performances, render_clip(who, scene, np.stack(rows), options.size, rng), scene


def _who_and_where(item: Item, options: Options) -> tuple[np.random.Generator, Identity, Scene]:
    rng = stream_rng(options.seed, item.stream, item.number)
    who = sample_identity(stream_rng(options.seed, 'subject', item.subject))
    return rng, who, sample_scene(rng)


def _sample_length(stream: str, rng: np.random.Generator) -> int:
    """Frames of a clip: 10 to 40, one clip in ten shorter than 16; videos last about 2 s."""
    if stream == 'video':
        return int(rng.integers(45, 61))
    return int(rng.integers(10, 16) if rng.random() < 0.1 else rng.integers(16, 41))


def _near_apex(performance: Performance, rng: np.random.Generator) -> int:
    """Index of a frame at or near the apex; of any frame if the class moves nothing."""
    least = NEAR_APEX if performance.expressive else 0.0
    return int(rng.choice(np.flatnonzero(performance.envelope >= least)))
