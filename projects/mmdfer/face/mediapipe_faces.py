"""Faces and their meshes by MediaPipe's own models, which come with the package and need no network."""

from __future__ import annotations

import numpy as np

from ..registry import FACE_FINDERS
from .analysis import FaceFinder
from .boxes import cut, iou, square
from .detection import FaceDetector
from .finding import turned_back
from .mediapipe_graphs import face_mesher, quiet, solutions
from .mesh import MESH_POINTS, SURFACE

MESH_MARGIN = 1.0  # detection boxes reach from the brows to the chin
MESH_CROP = 384
LEAST_OVERLAP = 0.3
SAME_PLACE = 0.5  # intersection over union with the face before, whose turn is taken then
TURN_CHECKED_EVERY = 15


@FACE_FINDERS.register_module()
class MediaPipeFaces(FaceFinder):
    """Face boxes of a frame, and the mesh of one of them, whichever way up it is.

    Raises:
        ImportError: without MediaPipe 0.10.21, the last release that carries the models.
    """

    BACKEND = 'MediaPipe'

    def __init__(self) -> None:
        self.name = f'MediaPipe {solutions()[1]} face mesh'
        self.detector = FaceDetector()
        self.mesher = face_mesher(faces=2, refined=True)
        self._meshed = False
        self._turn, self._box, self._age = 0, None, 0

    def detect(self, frame: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) of the faces in a frame (H, W, 3), RGB, in its pixels; turned ones if none is upright."""
        faces = self.detector.find_alone(frame)
        return np.stack([face.box for face in faces]) if faces else np.empty((0, 4))

    def mesh(self, frame: np.ndarray, box: np.ndarray, turn: int | None = None) -> np.ndarray | None:
        """The mesh (478, 3) of the face in a box of :meth:`detect`, in pixels of the frame; ``None`` for no face.

        ``turn`` are the quarters by which it stands upright, where they are known.
        """
        crop, shown = cut(frame, square(box, MESH_MARGIN), MESH_CROP)
        turn = self._turn_of(frame, box) if turn is None else turn
        found = self._meshes(np.ascontiguousarray(np.rot90(crop, turn)))
        scale = (shown[2:] - shown[:2]) / crop.shape[1::-1]
        best, best_overlap = None, LEAST_OVERLAP
        for points in found:
            height, width = np.rot90(crop, turn).shape[:2]
            flat = turned_back(points[:, :2] * (width, height), turn, crop.shape[:2]) * scale + shown[:2]
            points = np.concatenate([flat, points[:, 2:] * (shown[2] - shown[0])], axis=1)
            surface = points[:SURFACE, :2]
            overlap = iou(box, np.concatenate([surface.min(axis=0), surface.max(axis=0)])[None])[0]
            if overlap > best_overlap:
                best, best_overlap = points, overlap
        return best

    def _meshes(self, crop: np.ndarray) -> list[np.ndarray]:
        """Meshes (478, 3) in shares of a crop."""
        if self._meshed:
            found = self.mesher.process(crop).multi_face_landmarks or []
        else:
            with quiet():
                found = self.mesher.process(crop).multi_face_landmarks or []
            self._meshed = bool(found)
        meshes = [np.array([(point.x, point.y, point.z) for point in face.landmark]) for face in found]
        return [mesh for mesh in meshes if mesh.shape == (MESH_POINTS, 3)]

    def _turn_of(self, frame: np.ndarray, box: np.ndarray) -> int:
        """By how many quarters the face is turned; that of the face before it in the same place, for some frames."""
        self._age += 1
        same = self._box is not None and iou(box, self._box[None])[0] >= SAME_PLACE
        if not same or self._age >= TURN_CHECKED_EVERY:
            self._turn, self._age = self.detector.turn_of(frame, box), 0
        self._box = box
        return self._turn
