"""FaceXFormer's outputs, computed elsewhere and imported from files.

A clip's file is ``<clip>.npz`` with, for its T frames,

- ``landmarks`` (T, 136) or (T, 68, 2), in [-1, 1] over the crop, x before y;
- ``parsing`` (T, h, w) of its 11 classes, or (T, 11, h, w) of their logits;
- ``boxes`` (T, 4), the face boxes x1, y1, x2, y2 in pixels of the frame before FaceXFormer's own enlargement by half,
  not a number where no face was found. Without them the frames themselves are the crops, as in sets of aligned faces.

Source: FaceXFormer (Narayan et al.); points are as its release reads them, with pixel centres at integers there and at
halves here.
"""
from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from ..registry import FACE_FINDERS
from .analysis import FaceFinder, FaceParser, frame_notes, states
from .boxes import MARGIN, box_of, from_crop
from .landmarks import NUM_LANDMARKS
from .regions import REGIONS, order_sides
from .store import MAP_EDGE, ClipFaces, FaceMapsError
from .tracking import fill_gaps, short_gaps

NAME = 'FaceXFormer'


@FACE_FINDERS.register_module()
class FaceXFormerOutputs(FaceFinder):
    """The outputs in a folder, a file a clip.

    Args:
        folder: where they lie.
    """
    GIVES = ('landmarks', 'parsing')
    BACKEND = name = NAME

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def read(self, clip: str, frames: Any, what: Sequence[str], parser: FaceParser | None = None) -> ClipFaces:
        return read_outputs(self.folder, clip, frames, what)


def read_outputs(folder: str, clip: str, frames, what: Sequence[str] = ('landmarks', 'parsing')) -> ClipFaces:
    """Import one clip.

    Args:
        folder: where the outputs lie.
        clip: the clip's name, as its path below the set's clips.
        frames: its frames, for their number and size.
        what: of ``landmarks`` and ``parsing``.

    Raises:
        FaceMapsError: if the file is missing, or what it holds does not fit the clip.
    """
    path = os.path.join(folder, f'{clip}.npz')
    return faces_of_outputs(path, _read(path), len(frames), next(iter(frames)).shape[:2], what)


def faces_of_outputs(path: str, arrays: Mapping[str, np.ndarray], length: int, size: tuple[int, int],
                     what: Sequence[str]) -> ClipFaces:
    """The faces of a clip from arrays as the module's docstring has them.

    Args:
        path: where the arrays are from, for messages.
        arrays: by name.
        length: frames of the clip.
        size: their height and width.
        what: of ``landmarks`` and ``parsing``.

    Raises:
        FaceMapsError: if the arrays do not fit the clip.
    """
    lacking = [name for name in {'landmarks', *what} if name not in arrays]
    if lacking:
        raise FaceMapsError(f'{path}: holds no {lacking[0]}; expected landmarks (T, 136) and parsing (T, 224, 224)')
    for name, array in arrays.items():
        if len(array) != length:
            raise FaceMapsError(f'{path}: {name} has {len(array)} frames, the clip {length}; run FaceXFormer over the '
                               'whole clip')
    crops = crop_boxes(_shaped(path, 'boxes', arrays['boxes'], (4, )), size) if 'boxes' in arrays else whole_frames(
        length, size)
    points = _shaped(path, 'landmarks', arrays['landmarks'].reshape(length, -1), (2 * NUM_LANDMARKS, ))
    landmarks = denormalise(points, crops)
    tracks = np.where(np.isfinite(landmarks).all(axis=(1, 2)), 0, -1)
    gaps = short_gaps(tracks)
    landmarks, crops = fill_gaps(landmarks, gaps), fill_gaps(np.where(tracks[:, None] < 0, np.nan, crops), gaps)
    boxes = np.array([box_of(face) for face in landmarks])
    faces = ClipFaces(size=size, state=states(tracks, gaps), notes=frame_notes(boxes, size),
                      boxes=boxes.astype(np.float32), landmarks=landmarks.astype(np.float32),
                      map_boxes=crops.astype(np.float32), source=dict(landmarks=NAME))
    if 'parsing' in what:
        faces.parsing = _parsing(path, arrays['parsing'], tracks, gaps)
        faces.source['parsing'] = NAME
    return faces


def crop_boxes(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The crops (T, 4) that FaceXFormer cuts for face boxes (T, 4): half larger, cut at the frame, whole pixels."""
    height, width = size
    grown = (boxes[:, 2:] - boxes[:, :2]) * MARGIN / 2
    crops = np.concatenate([boxes[:, :2] - grown, boxes[:, 2:] + grown], axis=1)
    return np.trunc(np.clip(crops, 0, (width, height, width, height)))


def whole_frames(length: int, size: tuple[int, int]) -> np.ndarray:
    """(T, 4) boxes around whole frames."""
    return np.tile(np.array([0., 0., size[1], size[0]]), (length, 1))


def denormalise(points: np.ndarray, crops: np.ndarray) -> np.ndarray:
    """Landmarks (T, 136) in [-1, 1] over their crops (T, 4), in pixels of the frames: (T, 68, 2)."""
    shares = (points.reshape(len(points), NUM_LANDMARKS, 2).astype(float) + 1) / 2
    return np.stack([from_crop(face, crop, (1, 1)) for face, crop in zip(shares, crops)])


def _parsing(path: str, parsing: np.ndarray, tracks: np.ndarray, gaps: Sequence[tuple[int, int]]) -> np.ndarray:
    """Label maps (T, 224, 224); a frame of a short gap takes that of the nearer frame beside it."""
    if parsing.ndim == 4:
        _shaped(path, 'parsing', parsing, (len(REGIONS), *parsing.shape[2:]))
        parsing = parsing.argmax(axis=1)
    if parsing.ndim != 3 or parsing.min() < 0 or parsing.max() >= len(REGIONS):
        raise FaceMapsError(f'{path}: parsing of shape {parsing.shape} has values from {parsing.min()} to '
                           f'{parsing.max()}; expected (T, 224, 224) with classes 0 to {len(REGIONS) - 1}')
    labels = np.stack([cv2.resize(frame.astype(np.uint8), (MAP_EDGE, MAP_EDGE), interpolation=cv2.INTER_NEAREST)
                       for frame in parsing])
    labels[tracks < 0] = 0
    for start, stop in gaps:
        for frame in range(start, stop):
            labels[frame] = labels[start - 1 if frame - start < stop - 1 - frame else stop]
    return order_sides(labels)


def _shaped(path: str, name: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if array.shape[1:] != shape:
        raise FaceMapsError(f'{path}: {name} has the shape {array.shape}; expected (T, {", ".join(map(str, shape))})')
    return array


def _read(path: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as file:
            return {name: file[name] for name in ('landmarks', 'parsing', 'boxes') if name in file.files}
    except FileNotFoundError:
        raise FaceMapsError(f"{path}: FaceXFormer's output for this clip is not there") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile):
        raise FaceMapsError(f'{path}: is no whole .npz file') from None
