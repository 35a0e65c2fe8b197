"""Faces and their meshes by MediaPipe's own models, which come with the package and need no network."""
from __future__ import annotations

import os
import sys
from contextlib import contextmanager

import numpy as np

from ..registry import FACE_FINDERS
from .analysis import FaceFinder
from .boxes import cut, iou, square
from .mesh import MESH_POINTS, SURFACE

LEAST_SCORE = 0.5
MESH_MARGIN = 1.0       # detection boxes reach from the brows to the chin
MESH_CROP = 384
LEAST_OVERLAP = 0.3


@FACE_FINDERS.register_module()
class MediaPipeFaces(FaceFinder):
    """Face boxes of a frame, and the mesh of one of them. Every frame is looked at by itself.

    Raises:
        ImportError: without MediaPipe 0.10.21, the last release that carries the models.
    """

    BACKEND = 'MediaPipe'

    def __init__(self) -> None:
        solutions, version = _solutions()
        self.name = f'MediaPipe {version} face mesh'
        with _quiet():
            # The full-range model finds small faces, the short-range one faces that fill the frame.
            self.detectors = [solutions.face_detection.FaceDetection(model_selection=model,
                                                                     min_detection_confidence=LEAST_SCORE)
                              for model in (1, 0)]
            self.mesher = solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=2, refine_landmarks=True,
                                                       min_detection_confidence=LEAST_SCORE)

            for graph in (*self.detectors, self.mesher):
                graph.process(np.zeros((64, 64, 3), np.uint8))      # a graph's first picture writes too
        self._meshed = False

    def detect(self, frame: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) of the faces in a frame (H, W, 3), RGB; in its pixels."""
        height, width = frame.shape[:2]
        for detector in self.detectors:
            found = detector.process(frame).detections
            if found:
                shares = [face.location_data.relative_bounding_box for face in found]
                boxes = [(box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height) for box in shares]
                return np.array(boxes) * (width, height, width, height)
        return np.empty((0, 4))

    def mesh(self, frame: np.ndarray, box: np.ndarray) -> np.ndarray | None:
        """The mesh (478, 3) of the face in a box of :meth:`detect`, in pixels of the frame; ``None`` for no face."""
        crop, shown = cut(frame, square(box, MESH_MARGIN), MESH_CROP)
        if self._meshed:
            found = self.mesher.process(crop).multi_face_landmarks or []
        else:
            with _quiet():
                found = self.mesher.process(crop).multi_face_landmarks or []
            self._meshed = bool(found)
        edges = shown[2:] - shown[:2]
        best, best_overlap = None, LEAST_OVERLAP
        for face in found:
            points = np.array([(point.x, point.y, point.z) for point in face.landmark])
            assert len(points) == MESH_POINTS
            points = points * (*edges, edges[0]) + (*shown[:2], 0)
            surface = points[:SURFACE, :2]
            overlap = iou(box, np.concatenate([surface.min(axis=0), surface.max(axis=0)])[None])[0]
            if overlap > best_overlap:
                best, best_overlap = points, overlap
        return best


def _solutions():
    os.environ.setdefault('GLOG_minloglevel', '3')
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    try:
        import mediapipe
        return mediapipe.solutions, mediapipe.__version__
    except (ImportError, AttributeError):
        raise ImportError('faces are found by MediaPipe 0.10.21, which is not there: pip install '
                          '"mmdfer[face]"') from None


@contextmanager
def _quiet():
    """Keep the lines that MediaPipe's graphs write to stderr at their start away from the user."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, 'wb') as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
