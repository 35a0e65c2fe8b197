"""From the frames of a clip to its faces: find, follow, mark, fill short gaps, parse."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from .boxes import box_of, map_box
from .landmarks import NUM_LANDMARKS
from .mesh import MESH_POINTS, SURFACE, landmarks_of, parse_mesh
from .store import FOUND, INTERPOLATED, MAP_EDGE, MISSING, NOTES, ClipFaces
from .tracking import fill_gaps, main_track, short_gaps

TINY = 32
"""Shorter edge of a face's box, in pixels, under which the face is noted as tiny."""
BORDER = 0.02
"""Share of a face's box that must lie beyond the frame's border for it to count as cut off."""

WHAT = ('landmarks', 'parsing', 'mesh')


class FaceFinder:
    """What finds the main face of a clip; one of one's own is registered in ``FACE_FINDERS``.

    It gives :meth:`detect`, and :meth:`mesh` or, without a mesh in :attr:`GIVES`, :meth:`landmarks`; or :meth:`read`
    alone. Settings are plain values, since every process makes its own finder.

    Attributes:
        GIVES: of :data:`WHAT`, what it can find. From a mesh the regions of a face are painted; without one and without
            a parsing in here they need a :class:`FaceParser`.
        BACKEND: what made the maps, as their files say it without a version; the class's name by default.
        name: the same with a version.
    """
    GIVES: ClassVar[tuple[str, ...]] = WHAT
    BACKEND: ClassVar[str] = ''
    name: str = ''

    @classmethod
    def backend(cls, **settings: Any) -> str:
        """What files of maps call this finder with these settings, without loading it."""
        return cls.BACKEND or cls.__name__

    @classmethod
    def check(cls, **settings: Any) -> None:
        """Refuse settings that cannot work, before any process is started: a ``ValueError`` that says what is amiss."""

    def detect(self, frame: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) of the faces in a frame (H, W, 3), RGB: x1, y1, x2, y2 in its pixels."""
        raise NotImplementedError

    def mesh(self, frame: np.ndarray, box: np.ndarray) -> np.ndarray | None:
        """MediaPipe's mesh (478, 3) of the face in a box, in pixels of the frame; ``None`` for no face."""
        raise NotImplementedError

    def landmarks(self, frame: np.ndarray, box: np.ndarray) -> np.ndarray | None:
        """The 68 landmarks (68, 2) of the face in a box, in pixels of the frame; ``None`` for no face."""
        raise NotImplementedError

    def read(self, clip: str, frames: Iterable[np.ndarray], what: Sequence[str],
             parser: FaceParser | None = None) -> ClipFaces:
        """The faces of a clip of this name, by default frame by frame (:func:`analyse_clip`)."""
        return analyse_clip(frames, self, what, parser)


class FaceParser:
    """What parses faces; one of one's own is registered in ``FACE_PARSERS``.

    Attributes:
        name: as files of maps call it.
    """
    name: str = ''

    @classmethod
    def backend(cls, **settings: Any) -> str:
        """What files of maps call this parser with these settings, without loading it."""
        return cls.__name__

    def parse(self, frames: Iterable[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Label maps (T, 224, 224) of the boxes (T, 4), ids of :data:`~mmdfer.face.regions.REGIONS`; zeros for a box
        that is not a number."""
        raise NotImplementedError


def analyse_clip(frames: Iterable[np.ndarray], finder: FaceFinder, what: Sequence[str] = ('landmarks', 'parsing'),
                 parser: FaceParser | None = None) -> ClipFaces:
    """Find the main face in every frame of a clip.

    Args:
        frames: RGB frames (H, W, 3) of one size, gone through two or three times.
        finder: finds faces and their meshes or landmarks.
        what: of ``landmarks``, ``parsing`` and ``mesh``, what the result is to hold. Landmarks are always there.
        parser: parses the faces; by default the regions are painted from the mesh.

    Returns:
        The faces. Where no face was found for up to five frames, between frames that show it, landmarks and
        mesh are interpolated.
    """
    boxes, size = [], (0, 0)
    for frame in frames:
        size = frame.shape[:2]
        boxes.append(finder.detect(frame))
    chosen, tracks = main_track(boxes, size)
    has_mesh = 'mesh' in finder.GIVES
    points = np.full((len(boxes), *((MESH_POINTS, 3) if has_mesh else (NUM_LANDMARKS, 2))), np.nan, np.float32)
    for index, frame in enumerate(frames):
        if chosen[index] >= 0:
            found = (finder.mesh if has_mesh else finder.landmarks)(frame, boxes[index][chosen[index]])
            if found is None:
                tracks[index] = -1
            else:
                points[index] = found
    faces = (faces_of_mesh if has_mesh else faces_of_landmarks)(points, tracks, size)
    faces.notes |= np.array([len(found) > 1 for found in boxes], np.uint8) * NOTES['several']
    faces.source['landmarks'] = finder.name
    if 'parsing' in what:
        faces.source['parsing'] = f'{finder.name}, painted' if parser is None else parser.name
        faces.parsing = parse_meshes(faces) if parser is None else parser.parse(frames, faces.map_boxes)
    if 'mesh' not in what:
        faces.mesh = None
    return faces


def faces_of_mesh(mesh: np.ndarray, tracks: np.ndarray, size: tuple[int, int]) -> ClipFaces:
    """The faces of a clip from its meshes, with short gaps filled.

    Args:
        mesh: (T, 478, 3), not a number in frames without a face.
        tracks: (T,) which track a frame's mesh belongs to, -1 for none.
        size: height and width of the frames.
    """
    gaps = short_gaps(tracks)
    mesh = fill_gaps(mesh, gaps)
    boxes = np.array([box_of(points[:SURFACE, :2]) for points in mesh], np.float32).reshape(-1, 4)
    return ClipFaces(size=size, state=states(tracks, gaps), notes=frame_notes(boxes, size), boxes=boxes,
                     landmarks=landmarks_of(mesh), map_boxes=map_boxes_of(boxes, size), mesh=mesh)


def faces_of_landmarks(landmarks: np.ndarray, tracks: np.ndarray, size: tuple[int, int]) -> ClipFaces:
    """As :func:`faces_of_mesh`, from landmarks (T, 68, 2) alone."""
    gaps = short_gaps(tracks)
    landmarks = fill_gaps(landmarks, gaps)
    boxes = np.array([box_of(points) for points in landmarks], np.float32).reshape(-1, 4)
    return ClipFaces(size=size, state=states(tracks, gaps), notes=frame_notes(boxes, size), boxes=boxes,
                     landmarks=landmarks, map_boxes=map_boxes_of(boxes, size))


def states(tracks: np.ndarray, gaps: Sequence[tuple[int, int]]) -> np.ndarray:
    """(T,) state of each frame."""
    state = np.where(tracks >= 0, FOUND, MISSING).astype(np.uint8)
    for start, stop in gaps:
        state[start:stop] = INTERPOLATED
    return state


def frame_notes(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(T,) notes of faces at the border and tiny ones, from their boxes (T, 4)."""
    height, width = size
    edges = boxes[:, 2:] - boxes[:, :2]
    beyond = np.concatenate([-boxes[:, :2], boxes[:, 2:] - (width, height)], axis=1)
    with np.errstate(invalid='ignore'):         # frames without a face compare as false
        border = (beyond > BORDER * np.tile(edges, 2)).any(axis=1)
        tiny = edges.min(axis=1) < TINY
    return (border * NOTES['border'] + tiny * NOTES['tiny']).astype(np.uint8)


def map_boxes_of(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(T, 4) what the maps of faces in boxes (T, 4) show."""
    return np.array([map_box(box, size) for box in boxes], np.float32).reshape(-1, 4)


def parse_meshes(faces: ClipFaces) -> np.ndarray:
    """Label maps (T, 224, 224) painted from a clip's meshes."""
    labels = np.zeros((len(faces), MAP_EDGE, MAP_EDGE), np.uint8)
    for index in np.flatnonzero(faces.state != MISSING):
        labels[index] = parse_mesh(faces.mesh[index], faces.map_boxes[index], MAP_EDGE)
    return labels
