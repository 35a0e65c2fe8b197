"""MediaPipe's graphs, made without the lines that they write at their start."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


def solutions() -> tuple:
    """``mediapipe.solutions`` and MediaPipe's version.

    Raises:
        ImportError: without MediaPipe 0.10.21, the last release that carries the models.
    """
    os.environ.setdefault('GLOG_minloglevel', '3')
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    try:
        import mediapipe

        return mediapipe.solutions, mediapipe.__version__
    except (ImportError, AttributeError):
        raise ImportError(
            'faces are found by MediaPipe 0.10.21, which is not there: pip install "mmdfer[face]"'
        ) from None


def face_detectors(least_score: float) -> tuple:
    """The detector of small faces (full range) and that of faces which fill the frame (short range)."""
    found, _ = solutions()
    with quiet():
        detectors = tuple(
            found.face_detection.FaceDetection(model_selection=model, min_detection_confidence=least_score)
            for model in (1, 0)
        )
        for graph in detectors:
            graph.process(np.zeros((64, 64, 3), np.uint8))  # a graph's first picture writes too
    return detectors


def face_mesher(faces: int = 1, refined: bool = False, least_score: float = 0.5):
    """The face mesh of single pictures: of so many faces, with or without irises."""
    found, _ = solutions()
    with quiet():
        mesher = found.face_mesh.FaceMesh(
            static_image_mode=True, max_num_faces=faces, refine_landmarks=refined, min_detection_confidence=least_score
        )
        mesher.process(np.zeros((64, 64, 3), np.uint8))
    return mesher


@contextmanager
def quiet() -> Iterator[None]:
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
