"""Faces without pictures: landmarks and label maps that tests know everything about."""
import numpy as np

from mmdfer.face.store import FOUND, MISSING, ClipFaces


def make_faces(frames=6, size=(40, 40), seed=0, missing=(), parsing=True, map_box=None) -> ClipFaces:
    """A clip's faces with random landmarks and blocky random label maps that cover the whole frame."""
    rng = np.random.default_rng(seed)
    state = np.full(frames, FOUND, np.uint8)
    state[list(missing)] = MISSING
    landmarks = (rng.uniform(0.1, 0.9, (frames, 68, 2)) * size[::-1]).astype(np.float32)
    boxes = np.tile(np.float32(map_box or (0, 0, size[1], size[0])), (frames, 1))
    labels = rng.integers(0, 11, (frames, 14, 14), dtype=np.uint8).repeat(16, axis=1).repeat(16, axis=2)
    for array in (landmarks, boxes):
        array[list(missing)] = np.nan
    labels[list(missing)] = 0
    return ClipFaces(size=size, state=state, notes=np.zeros(frames, np.uint8), boxes=boxes.copy(), landmarks=landmarks,
                     map_boxes=boxes, parsing=labels if parsing else None, source=dict(landmarks='MediaPipe test'))
