"""What is known of the faces of one clip, and the file that keeps it beside the frames.

The maps of ``Clip/clip_224x224/00001`` lie in ``Clip/clip_224x224_faces/00001.npz``: a folder's name with
``_faces``, and below it the clips' own paths. Label maps are kept as lossless PNG, so that a reader
decodes the frames that it needs and no others.
"""
from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from ..clip_names import clip_stem, entries_of, is_clip
from ..files import write_arrays

FORMAT = 'mmdfer-face-maps'
VERSION = 1
"""To be raised with every change of the file or of what its numbers mean."""

SUFFIX = '_faces'
MAP_EDGE = 224
FOUND, INTERPOLATED, MISSING = range(3)
STATES = ('found', 'interpolated', 'missing')
NOTES = dict(several=1, border=2, tiny=4)
"""Bits of a frame's notes: several faces in it, a face that the frame's border cuts, a tiny face."""
SHAPES: dict[str, tuple[int, ...]] = dict(state=(), notes=(), boxes=(4, ), landmarks=(68, 2), map_boxes=(4, ))
"""What is kept of each frame, besides its mesh and its label map."""


class FaceMapsError(ValueError):
    """Maps that are missing, of another version, cut short, or of another clip."""


@dataclass
class ClipFaces:
    """The main face of a clip over its T frames; lengths in pixels of the frames.

    Args:
        size: height and width of the frames.
        state: (T,) uint8, an index into :data:`STATES`.
        notes: (T,) uint8, bits of :data:`NOTES`.
        boxes: (T, 4) float32 x1, y1, x2, y2 around the face; not a number where it is missing, as below.
        landmarks: (T, 68, 2) float32.
        mesh: (T, 478, 3) float32, depth in the scale of x; or ``None``.
        map_boxes: (T, 4) float32, the part of the frame that a label map shows.
        parsing: (T, 224, 224) uint8 region ids, 0 where the face is missing; or ``None``.
        source: what made landmarks and parsing, with versions.
    """
    size: tuple[int, int]
    state: np.ndarray
    notes: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray
    map_boxes: np.ndarray
    mesh: np.ndarray | None = None
    parsing: np.ndarray | None = None
    source: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.state)

    def counts(self) -> dict[str, int]:
        """Frames, frames of each state and frames with each note."""
        states = {name: int((self.state == index).sum()) for index, name in enumerate(STATES)}
        notes = {name: int((self.notes & bit > 0).sum()) for name, bit in NOTES.items()}
        return dict(frames=len(self), **states, **notes)


def maps_path(clip: str | Path, below: str | Path, out: str | Path | None = None) -> Path:
    """The file of a clip's maps.

    Args:
        clip: its folder of frames, or its video.
        below: the folder in which the set's clips lie, at whatever depth.
        out: folder of the maps; by default that of the clips with :data:`SUFFIX`.
    """
    clip, below = Path(os.path.abspath(clip)), Path(os.path.abspath(below))
    folder = below.with_name(below.name + SUFFIX) if out is None else Path(out)
    inside = clip.relative_to(below)
    whole = clip.is_dir() or _stem(clip.name) in _shared_stems(clip.parent)
    return folder / inside.with_name(f'{inside.name if whole else inside.stem}.npz')


def _stem(name: str) -> str:
    return clip_stem(name).casefold()


def _shared_stems(folder: Path) -> frozenset[str]:
    """Stems that several clips of a folder have, as ``a.mp4`` and ``a.mov``: their maps go by their whole names."""
    try:
        return _stems_of(str(folder), folder.stat().st_mtime_ns)
    except OSError:                                             # packed clips, whose folder may be gone
        return frozenset()


@lru_cache(maxsize=256)
def _stems_of(folder: str, _changed: int) -> frozenset[str]:
    counts = Counter(_stem(entry.name) for entry in entries_of(folder) if is_clip(entry))
    return frozenset(stem for stem, count in counts.items() if count > 1)


def find_maps(clip: str, root: str | None = None) -> Path | None:
    """The file of a clip's maps, found from the clip's path alone; ``None`` if there is none.

    Args:
        clip: its folder of frames, or its video; a packed clip's may be gone.
        root: folder of the maps, if it is not beside the clips.
    """
    path = Path(os.path.abspath(clip))
    stem = clip_stem(path.name)
    alone = _stem(path.name) not in _shared_stems(path.parent)
    # A list of DFEW writes 00001 as 1.
    names = dict.fromkeys((path.name, *((stem, stem.zfill(5)) if alone else ())))
    inside = Path()
    for parent in [parent for parent in path.parents if parent.name][:5]:
        folder = parent.with_name(parent.name + SUFFIX) if root is None else Path(root)
        for name in names:
            if (folder / inside / f'{name}.npz').is_file():
                return folder / inside / f'{name}.npz'
        inside = Path(parent.name) / inside
    return None


def save_faces(faces: ClipFaces, path: str | Path) -> None:
    """Write a clip's faces whole or not at all."""
    arrays = dict(state=faces.state, notes=faces.notes, boxes=faces.boxes, landmarks=faces.landmarks,
                  map_boxes=faces.map_boxes)
    if faces.mesh is not None:
        arrays['mesh'] = faces.mesh
    if faces.parsing is not None:
        pictures = [cv2.imencode('.png', labels)[1] for labels in faces.parsing]
        arrays['parsing'] = np.concatenate(pictures)
        arrays['parsing_ends'] = np.cumsum([len(picture) for picture in pictures])
    meta = dict(format=FORMAT, version=VERSION, size=list(faces.size), source=faces.source, counts=faces.counts(),
                what=[name for name in ('landmarks', 'parsing', 'mesh') if getattr(faces, name) is not None])
    write_arrays(dict(meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays), path)


def read_meta(path: str | Path) -> dict:
    """``size``, ``source`` and ``counts`` of a file of maps.

    Raises:
        FaceMapsError: if it is no such file, is cut short, or has another version.
    """
    with _open(path) as file:
        return _meta(file, path)


def load_faces(path: str | Path, frames: Sequence[int] | None = None, what: Sequence[str] = ('landmarks', 'parsing'),
               total: int | None = None) -> ClipFaces:
    """Read the faces of a clip.

    Args:
        path: its file.
        frames: indices of the frames to read, which may repeat; all by default.
        what: of ``landmarks``, ``parsing`` and ``mesh``, those that are needed. Landmarks are always read.
        total: frames that the clip has, where it is known.

    Raises:
        FaceMapsError: if the file is unusable, lacks what is needed, or belongs to a clip of another length.
    """
    with _open(path) as file:
        meta = _meta(file, path)
        lacking = [name for name in what if name not in file.files]
        if lacking:
            raise FaceMapsError(f'{path}: holds no {" and no ".join(lacking)}; run mmdfer faces with '
                                f'--what {" ".join(what)}')
        length = meta['counts']['frames']
        if total is not None and total != length:
            raise FaceMapsError(f'{path}: has maps of {length} frames, the clip has {total}; the clip was changed: '
                                'delete the file and run mmdfer faces again')
        whole = {name: file[name] for name in (*SHAPES, 'mesh') if name != 'mesh' or name in what}
        _check_arrays(whole, length, path)
        index = np.arange(length) if frames is None else np.asarray(frames)
        if len(index) and not 0 <= index.min() <= index.max() < length:
            raise FaceMapsError(f'{path}: has maps of {length} frames, frame {index.max()} is wanted; the clip was '
                                'changed: delete the file and run mmdfer faces again')
        arrays = {name: array[index] for name, array in whole.items()}
        arrays['parsing'] = _decode(file, index, length, path) if 'parsing' in what else None
    return ClipFaces(size=tuple(meta['size']), source=meta['source'], **{'mesh': None, **arrays})


def _check_arrays(arrays: dict[str, np.ndarray], length: int, path: str | Path) -> None:
    """Refuse arrays that are not of the clip's frames, and faces that were found and are nowhere."""
    for name, array in arrays.items():
        shape = (length, *dict(SHAPES, mesh=(478, 3))[name])
        if array.shape != shape or array.dtype.kind not in 'fui':
            raise _damaged(path, f'{name} is {array.dtype} {array.shape}, expected numbers {shape}')
    there = arrays['state'] != MISSING
    if (arrays['state'] > MISSING).any():
        raise _damaged(path, f'states of frames up to {arrays["state"].max()}')
    for name in ('boxes', 'landmarks', 'map_boxes'):
        if not np.isfinite(arrays[name][there]).all():
            raise _damaged(path, f'{name} of a found face are no numbers')


def _decode(file: np.lib.npyio.NpzFile, index: np.ndarray, length: int, path: str | Path) -> np.ndarray:
    data, ends = file['parsing'], file['parsing_ends']
    if data.dtype != np.uint8 or ends.dtype.kind not in 'ui' or ends.shape != (length, ):
        raise _damaged(path, f'parsing of {len(ends)} frames, expected {length}')
    starts = ends - np.diff(ends, prepend=0)
    decoded = {}
    for i in set(index.tolist()):
        part = data[starts[i]:ends[i]]
        decoded[i] = cv2.imdecode(part, cv2.IMREAD_UNCHANGED) if len(part) else None
        if decoded[i] is None or decoded[i].ndim != 2:
            raise _damaged(path, f'the parsing of frame {i} does not decode')
    return np.stack([decoded[i] for i in index.tolist()])


def _damaged(path: str | Path, what: str) -> FaceMapsError:
    return FaceMapsError(f'{path}: is damaged ({what}); delete it and run mmdfer faces again')


class _open:
    """An .npz file for the length of a ``with``; its many errors become one that names the file."""

    def __init__(self, path: str | Path) -> None:
        self.path = path

    def __enter__(self) -> np.lib.npyio.NpzFile:
        try:
            self.file = np.load(self.path)
            if not isinstance(self.file, np.lib.npyio.NpzFile):
                raise ValueError
        except FileNotFoundError:
            raise FaceMapsError(f'{self.path}: no such file of face maps; run mmdfer faces') from None
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            raise FaceMapsError(f'{self.path}: is no file of face maps, or is cut short; delete it and run '
                                'mmdfer faces again') from None
        return self.file

    def __exit__(self, kind, error, trace) -> None:
        self.file.close()
        kinds = (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError)
        if isinstance(error, kinds) or type(error) is ValueError:
            raise _damaged(self.path, str(error)) from None


def _meta(file: np.lib.npyio.NpzFile, path: str | Path) -> dict:
    try:
        meta = json.loads(file['meta'].tobytes())
    except (KeyError, ValueError, RecursionError):
        meta = None
    if not isinstance(meta, dict) or meta.get('format') != FORMAT:
        raise FaceMapsError(f'{path}: is no file of face maps; expected one written by mmdfer faces')
    if meta.get('version') != VERSION:
        raise FaceMapsError(f'{path}: has version {meta.get("version")} of the maps, this mmdfer reads {VERSION}; run '
                            'mmdfer faces with --overwrite')
    size, counts = meta.get('size'), meta.get('counts')
    whole = [*(size if isinstance(size, list) else ()), counts.get('frames') if isinstance(counts, dict) else None]
    if len(whole) != 3 or not all(isinstance(number, int) and number > 0 for number in whole) or not isinstance(
            meta.get('source'), dict):
        raise _damaged(path, 'it does not tell its size, its counts and its source')
    return meta
