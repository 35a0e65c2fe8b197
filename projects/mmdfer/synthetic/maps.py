"""Face maps of a synthetic set from the geometry that it is drawn with, in the format of extracted ones.

They need no face detector and are exact, so they also say how well a detector reads the drawn faces.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from ..face.boxes import box_of
from ..face.mesh import paint_outlines
from ..face.store import FOUND, MAP_EDGE, ClipFaces, maps_path, save_faces
from ..workers import in_processes
from .action_units import AU_INDEX
from .drawing import clip_geometry
from .face_geometry import build_face
from .face_renderer import SHIFT, SUPERSAMPLING, gaze_of, project, split_frames
from .identity import Identity
from .outlines import FaceParts, stack
from .plan import Item, Options, plan_clips, plan_videos
from .writer import ALL_FRAMES, VIDEO_SIZE

SOURCE = 'synthetic geometry'

_REGIONS = (('hair_back', 'hair'), ('face', 'skin'), ('nose', 'nose'), ('eye_white', 'eye'), ('brow', 'brow'),
            ('mouth_inside', 'inner_mouth'), ('upper_lip', 'upper_lip'), ('lower_lip', 'lower_lip'), ('hair', 'hair'),
            ('lock_dark', 'hair'), ('lock_light', 'hair'))
"""Part to region, in the order of painting; eyes and brows come in pairs."""


def write_maps(out: Path, options: Options, workers: int = 1,
               progress: Callable[[Iterable[None], int], Iterable[None]] = lambda items, total: items) -> int:
    """Write the maps of a set's clips and videos beside them.

    Args:
        out: the set's folder, made by :func:`~mmdfer.synthetic.make_dataset` with these options.
        options: what the set was drawn with.
        workers: number of processes.
        progress: wraps the finished clips, given with their number, for a progress bar.

    Returns:
        Number of files written.
    """
    items = plan_clips(options) + plan_videos(options)
    with closing(in_processes(partial(_write_clip_maps, Path(out), options), items, workers)) as written:
        return sum(1 for _ in progress(written, len(items)))


def _write_clip_maps(out: Path, options: Options, item: Item) -> None:
    if item.stream == 'video':
        clip, edge = out / f'videos/{item.name}_{item.number}.mp4', max(VIDEO_SIZE, options.size)
    else:
        clip, edge = out / ALL_FRAMES / f'{item.number:05d}', options.size
    save_faces(clip_faces(item, options, edge), maps_path(clip, clip.parent))


def clip_faces(item: Item, options: Options, edge: int) -> ClipFaces:
    """The face of a clip or video whose frames have this edge, all frames of it."""
    who, performance = clip_geometry(item, options)
    units, pose = split_frames(who, performance.frames)
    parts = build_face(who, units, gaze_of(pose))
    _add_nose(parts, who, units)
    canvas = options.size * SUPERSAMPLING
    shapes = {name: [_shares(polygon, canvas) for polygon in polygons]
              for name, polygons in project(parts, pose, canvas).shapes.items()}
    frames = len(units)
    landmarks = landmarks_of_parts(shapes) * edge
    return ClipFaces(
        size=(edge, edge), state=np.full(frames, FOUND, np.uint8), notes=np.zeros(frames, np.uint8),
        boxes=np.array([box_of(face * edge) for face in shapes['face'][0]], np.float32),
        landmarks=landmarks.astype(np.float32),
        map_boxes=np.tile(np.array([0, 0, edge, edge], np.float32), (frames, 1)),
        parsing=np.stack([paint_outlines(_outlines(shapes, t), MAP_EDGE) for t in range(frames)]),
        source=dict(landmarks=SOURCE, parsing=SOURCE))


def _shares(polygon: np.ndarray, canvas: int) -> np.ndarray:
    """Points on the canvas, fixed-point with pixel centres at integers, as shares of its edge."""
    return (polygon / (1 << SHIFT) + 0.5) / canvas


def _outlines(shapes: dict, t: int) -> list[tuple[str, np.ndarray]]:
    outlines = []
    for part, region in _REGIONS:
        paired = region in ('eye', 'brow')
        for side, polygon in enumerate(shapes.get(part, ())):
            outlines.append((f'{("left", "right")[side]}_{region}' if paired else region, polygon[t] * MAP_EDGE))
    return outlines


def _add_nose(parts: FaceParts, who: Identity, units: np.ndarray) -> None:
    """The nose as an outline, its bridge and its base; it is drawn by folds and shades alone."""
    wrinkle, smile = (units[:, :, AU_INDEX[unit]].mean(1)[:, None] for unit in (9, 12))     # (T, 1)
    lift, wing = 0.05 * wrinkle, who.nose_width + 0.03 * wrinkle + 0.015 * smile
    tip, top = who.nose_y - lift, who.eye_y
    down = np.linspace(0, 1, 4)
    parts.add('bridge', stack(0 * down, top + (tip - 0.04 - top) * down))
    across = np.linspace(-1, 1, 5)
    parts.add('base', stack(0.85 * wing * across, tip + 0.02 + 0.035 * (1 - across**2)))
    half = np.array([0.25, 0.4, 0.5, 1.0, 0.95, 0.5, 0.0])
    height = np.array([0.0, 0.35, 0.7, 0.95, 1.0, 1.0, 1.0])
    drop = np.array([0, 0, 0, 0, 0.02, 0.05, 0.055])
    right = stack(wing * half, top + (tip - top) * height + drop)
    parts.add('nose', np.concatenate([right, right[:, -2::-1] * (-1, 1)], axis=1))


def landmarks_of_parts(shapes: dict) -> np.ndarray:
    """The 68 landmarks (T, 68, 2) of projected parts, picked from their outlines."""
    def pick(part: str, side: int, *indices: int) -> np.ndarray:
        return shapes[part][side][:, list(indices)]

    # Brows and eyes run from the inner end outwards and back, lips from left to right and back.
    return np.concatenate([
        pick('face', 0, *range(48, 15, -2)),
        pick('brow', 0, 8, 6, 4, 2, 0), pick('brow', 1, 0, 2, 4, 6, 8),
        pick('bridge', 0, 0, 1, 2, 3), pick('base', 0, 0, 1, 2, 3, 4),
        pick('eye_white', 0, 12, 8, 4, 0, 21, 17), pick('eye_white', 1, 0, 4, 8, 12, 17, 21),
        pick('upper_lip', 0, 0, 2, 4, 6, 8, 10, 12), pick('lower_lip', 0, 15, 17, 19, 21, 23),
        pick('upper_lip', 0, 24, 22, 19, 16, 14), pick('lower_lip', 0, 9, 6, 3),
    ], axis=1)
