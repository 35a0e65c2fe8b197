"""A clip drawn: polygons of a face, turned in space, painted, lit and seen by a camera.

Painted at twice the frame's size with antialiased OpenCV polygons, then shaded (folds, relief, one light) and reduced;
about a millisecond a frame of 64 pixels.
"""
from __future__ import annotations

import cv2
import numpy as np

from .action_units import ACTION_UNITS
from .face_geometry import build_face
from .identity import Colour, Identity
from .outlines import FaceParts
from .performance import POSE
from .scene import Scene

SUPERSAMPLING = 2
FACE_UNIT = 0.46
"""Length of a face unit as a share of the frame, at scale 1."""

CENTRE = (0.5, 0.48)
"""Place of the face's centre in the frame, without shift."""

SHIFT = 4       # fractional bits of OpenCV's polygon coordinates
_SKIN = ('hair_back', 'ear', 'concha', 'face', 'stubble', 'mole', 'beard', 'nostril', 'lid',
         'eye_white', 'iris', 'pupil', 'glint', 'lash', 'brow', 'mouth_inside', 'tongue', 'teeth',
         'upper_lip', 'lower_lip', 'mouth_line')
_OVER_SKIN = ('hair', 'lock_dark', 'lock_light', 'glasses')

Pose = dict[str, np.ndarray]


def render_clip(who: Identity, scene: Scene, frames: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw all frames of a clip.

    Args:
        who: the subject.
        scene: background, light and camera.
        frames: (T, len(COLUMNS)) parameters of the frames, see :mod:`~mmdfer.synthetic.performance`.
        size: edge of the square frames in pixels.
        rng: source of the camera's noise.

    Returns:
        (T, size, size, 3) uint8 frames, RGB.
    """
    edge = size * SUPERSAMPLING
    units, pose = split_frames(who, frames)
    parts = project(build_face(who, units, gaze_of(pose)), pose, edge)
    background = cv2.resize(scene.background, (edge, edge), interpolation=cv2.INTER_CUBIC)
    background = background.clip(0, 255).astype(np.uint8)
    colours = _palette(who, scene)

    pictures = np.empty((len(units), size, size, 3), np.uint8)
    for t, picture in enumerate(pictures):
        canvas = background.copy()
        now = {name: value[t] for name, value in pose.items()}
        _paint_body(canvas, colours, now, who)
        _paint(canvas, parts, t, colours, _SKIN)
        folds = _strokes(parts.folds, t, edge, 0, edge / 170)
        _paint(canvas, parts, t, colours, _OVER_SKIN)
        relief = _strokes(parts.relief, t, edge // 2, 1, edge / 64)
        picture[:] = _photograph(_shade(canvas, folds, relief, scene, now), scene, size, rng)
    return pictures


def split_frames(who: Identity, frames: np.ndarray) -> tuple[np.ndarray, Pose]:
    """Frames (T, len(COLUMNS)) as unit intensities (T, 2, units) on either side, and the pose."""
    units, pose = np.split(frames, [len(ACTION_UNITS)], axis=1)
    sides = 1 + np.array([[1.0], [-1.0]]) * who.asymmetry       # (2, units)
    return (units[:, None] * sides).clip(0, 1.1), dict(zip(POSE, pose.T))


def gaze_of(pose: Pose) -> np.ndarray:
    """(T, 2) direction of the eyes."""
    return np.stack([pose['gaze_x'], pose['gaze_y']], axis=1)


def _palette(who: Identity, scene: Scene) -> dict[str, Colour]:
    """Part name to RGB colour."""
    skin, hair, lips = np.array(who.skin), np.array(who.hair), np.array(who.lips)
    colours = {
        'face': skin, 'ear': skin * 0.9, 'concha': skin * 0.7, 'neck': skin * 0.74,
        'clothes': scene.clothes, 'stubble': 0.78 * skin + 0.22 * hair, 'mole': skin * 0.6,
        'hair_back': hair * 0.7, 'hair': hair, 'lock_dark': hair * 0.86,
        'lock_light': hair * 1.1 + 4, 'beard': np.minimum(hair * 0.85, skin * 0.6),
        'nostril': skin * 0.36, 'lid': skin * 0.86,
        'eye_white': (236, 232, 228), 'iris': who.iris, 'pupil': (14, 12, 12),
        'glint': (250, 250, 250), 'lash': np.minimum(hair * 0.5, 50), 'brow': who.brow,
        'mouth_inside': (62, 22, 26), 'tongue': (168, 84, 86), 'teeth': (232, 226, 212),
        'upper_lip': lips * 0.9, 'lower_lip': lips * 1.06, 'mouth_line': lips * 0.42,
        'glasses': (34, 30, 32),
    }
    return {name: tuple(np.clip(colour, 0.0, 255.0).tolist()) for name, colour in colours.items()}


def project(parts: FaceParts, pose: Pose, edge: int) -> FaceParts:
    """Turn all polygons by the head's pose: face units to OpenCV's fixed-point canvas pixels."""
    lists = list(parts.shapes.values())
    flat = [polygon for polygons in lists for polygon in polygons]
    flat += [polygon for polygon, _ in parts.folds + parts.relief]
    points = np.concatenate(flat, axis=1)       # (T, N, 2)
    x, y = points[..., 0], points[..., 1]
    depth = 0.8 * np.sqrt(np.maximum(1.05 - 0.95 * x * x - 0.5 * y * y, 0.02))      # the head's egg
    depth += 0.2 * np.exp(-(x / 0.11)**2 - ((y - 0.17) / 0.2)**2)       # the nose
    points = np.stack([x, y, depth], axis=-1) @ _rotation(pose)[..., :2]
    points *= (FACE_UNIT * edge * pose['scale'])[:, None, None]
    shift = np.stack([pose['shift_x'], pose['shift_y']], axis=-1)[:, None]
    points += edge * (np.array(CENTRE) + shift)
    points = np.rint(points * (1 << SHIFT)).astype(np.int32)
    ends = np.cumsum([polygon.shape[1] for polygon in flat])[:-1]
    pieces = iter(np.ascontiguousarray(piece) for piece in np.split(points, ends, axis=1))
    return FaceParts(
        parts.n_frames,
        {name: [next(pieces) for _ in polygons] for name, polygons in parts.shapes.items()},
        [(next(pieces), strength) for _, strength in parts.folds],
        [(next(pieces), strength) for _, strength in parts.relief])


def _rotation(pose: Pose) -> np.ndarray:
    """(T, 3, 3) matrices R so that row vectors turn as p @ R: yaw, then pitch, then roll."""
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(pose[axis]), np.sin(pose[axis])) for axis in ('yaw', 'pitch', 'roll'))
    zero, one = np.zeros_like(cy), np.ones_like(cy)

    def matrices(rows: list[list[np.ndarray]]) -> np.ndarray:
        return np.moveaxis(np.array(rows), -1, 0)

    return (matrices([[cy, zero, -sy], [zero, one, zero], [sy, zero, cy]])
            @ matrices([[one, zero, zero], [zero, cp, -sp], [zero, sp, cp]])
            @ matrices([[cr, sr, zero], [-sr, cr, zero], [zero, zero, one]]))


def _paint(canvas: np.ndarray, parts: FaceParts, t: int, colours: dict[str, Colour], names: tuple[str, ...]) -> None:
    for name in names:
        for polygon in parts.shapes.get(name, ()):
            cv2.fillPoly(canvas, [polygon[t]], colours[name], cv2.LINE_AA, SHIFT)


def _paint_body(canvas: np.ndarray, colours: dict[str, Colour], pose: Pose, who: Identity) -> None:
    """Neck and shirt, which follow the head's place but do not turn with it."""
    edge = canvas.shape[0]
    place = np.array(CENTRE) + (pose['shift_x'], pose['shift_y'])
    for name, half, top in (('neck', 0.62 * who.face_width, 0.5), ('clothes', 1.25, 1.08)):
        outline = np.array([(-0.8 * half, top), (0.8 * half, top), (half, 2.0), (-half, 2.0)])
        outline = (outline * FACE_UNIT + place) * edge * (1 << SHIFT)
        outline = np.rint(outline).astype(np.int32)
        cv2.fillPoly(canvas, [outline], colours[name], cv2.LINE_AA, SHIFT)


def _strokes(marks: list[tuple[np.ndarray, np.ndarray]], t: int, edge: int, halvings: int, blur: float) -> np.ndarray:
    """(edge, edge) uint8 factor of the marks in frame ``t``, 128 on untouched skin.

    Args:
        marks: polygons and their strengths.
        t: index of the frame.
        edge: edge of the layer.
        halvings: how often the layer is half as large as the canvas of the polygons.
        blur: standard deviation of the softening, in pixels of the layer.
    """
    layer = np.full((edge, edge), 128, np.uint8)
    for polygon, strength in marks:
        if abs(strength[t]) > 0.02:
            value = 128 * (1 - min(float(strength[t]), 0.85))
            cv2.fillPoly(layer, [polygon[t]], value, cv2.LINE_AA, SHIFT + halvings)
    return cv2.GaussianBlur(layer, (0, 0), blur)


def _shade(canvas: np.ndarray, folds: np.ndarray, relief: np.ndarray, scene: Scene, pose: Pose) -> np.ndarray:
    """The canvas (edge, edge, 3), multiplied by folds, relief and light."""
    edge = canvas.shape[0]
    small = edge // 4
    soft = _light(small, scene, pose)
    soft *= cv2.resize(relief, (small, small), interpolation=cv2.INTER_AREA)
    shade = cv2.resize(soft, (edge, edge), interpolation=cv2.INTER_LINEAR)
    shade = cv2.multiply(shade, folds, scale=1 / 128**2, dtype=cv2.CV_32F)
    return cv2.multiply(canvas, cv2.merge([shade] * 3), dtype=cv2.CV_8U)


def _light(edge: int, scene: Scene, pose: Pose) -> np.ndarray:
    """(edge, edge) float32 light on an egg in the head's place, constant beside it."""
    axis = (np.arange(edge, dtype=np.float32) + 0.5) / edge
    unit = FACE_UNIT * pose['scale']
    x = (axis - CENTRE[0] - pose['shift_x']) / (0.95 * unit)
    y = ((axis - CENTRE[1] - pose['shift_y']) / (1.25 * unit))[:, None]
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0.08))
    light_x, light_y, light_z = scene.light
    facing = np.maximum(light_x * x + light_y * y + light_z * z, 0) / np.sqrt(x * x + y * y + z * z)
    factor = scene.ambient + (1.1 - scene.ambient) * facing
    return (pose['light'] * factor).astype(np.float32)


def _photograph(canvas: np.ndarray, scene: Scene, size: int, rng: np.random.Generator) -> np.ndarray:
    """Reduce the canvas to (size, size, 3) and add the camera's blur, exposure and noise."""
    frame = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    if scene.blur > 0:
        frame = cv2.GaussianBlur(frame, (0, 0), scene.blur * size)
    levels = 255 * (np.arange(256)[:, None] / 255 * scene.gain).clip(0, 1)**scene.gamma
    exposed = cv2.LUT(frame, levels.astype(np.float32).reshape(1, 256, 3))
    exposed += scene.noise * rng.standard_normal(frame.shape, np.float32)
    return np.rint(exposed).clip(0, 255).astype(np.uint8)
