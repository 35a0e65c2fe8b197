"""Face maps of a clip, with the frames, the crop, the size and the flip that its pictures were given."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from ..registry import TRANSFORMS
from .landmarks import mirror
from .regions import SWAPPED
from .rendering import parsing_planes, render_landmarks
from .store import MISSING, ClipFaces, FaceMapsError, find_maps, load_faces

KINDS = ('parsing', 'landmarks')


@TRANSFORMS.register_module()
class LoadFaceMaps(BaseTransform):
    """Load the parsing and landmark maps of a clip's sampled frames, as pictures that lie on its frames.

    To be put after the crops, ``Resize`` and ``Flip``, and before ``FormatShape``: MMAction2's transforms
    leave behind which part of a frame they kept (``crop_quadruple``), whether they flipped it and its size,
    and the maps are drawn for exactly that view. So nothing is resampled, and a flipped clip shows its left
    and right regions and landmarks as a flipped person has them. Several crops of a clip have no single
    view and are refused.

    Adds ``parsing_maps`` and ``landmark_maps``, uint8 tensors (3, T, H, W) in RGB, and ``has_face_maps``, whether
    any of the frames shows a face; give their names to ``PackActionInputs(algorithm_keys=...)``. Frames without
    a face are black.

    Args:
        what: of ``'parsing'`` and ``'landmarks'``, the maps to load.
        root: folder of the maps; by default the clips' own folder with ``_faces`` at its name.
        missing: ``'error'``, or ``'blank'``: a clip without a file of maps gets black ones and
            ``has_face_maps`` false.

    Raises:
        FaceMapsError: for a clip without maps, or with maps of another version or clip.
        ValueError: for other arguments, or a pipeline in which the view is not known.
    """

    def __init__(self, what: Sequence[str] = KINDS, root: str | None = None, missing: str = 'error') -> None:
        if not what or set(what) - set(KINDS):
            raise ValueError(f'LoadFaceMaps: what={tuple(what)!r}; choose of {KINDS}')
        if missing not in ('error', 'blank'):
            raise ValueError(f"LoadFaceMaps: missing={missing!r}; choose 'error' or 'blank'")
        self.what, self.root, self.missing = tuple(what), root, missing

    def transform(self, results: dict) -> dict:
        frames, size = np.asarray(results['frame_inds']), tuple(results['img_shape'][:2])
        _check_view(results, len(frames))
        path = find_maps(results['clip'], self.root)
        if path is None and self.missing == 'error':
            raise FaceMapsError(f'{results["clip"]}: has no face maps; run mmdfer faces over the set '
                                f'with --what {" ".join(self.what)}, or let such clips go without by missing="blank"')
        if path is None:
            maps = {kind: np.zeros((3, len(frames), *size), np.uint8) for kind in self.what}
            present = False
        else:
            faces = load_faces(path, frames, self.what, results.get('clip_frames'))
            view = View.of(results)
            draw = dict(parsing=lambda faces: parsing_planes(view.labels(faces)),
                        landmarks=lambda faces: view.landmarks(faces).transpose(3, 0, 1, 2))
            maps = {kind: draw[kind](faces) for kind in self.what}
            present = bool((faces.state != MISSING).any())
        named = {f'{kind.removesuffix("s")}_maps': torch.from_numpy(planes) for kind, planes in maps.items()}
        return dict(results, has_face_maps=torch.tensor(present), **named)

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(what={self.what}, root={self.root!r}, missing={self.missing!r})'


class View:
    """The part of a frame that a picture shows, and whether it is mirrored.

    Args:
        crop: x, y, width and height as shares of the frame.
        size: height and width of the picture.
        flip: whether the picture is mirrored, after the crop.
    """

    def __init__(self, crop: Sequence[float], size: tuple[int, int], flip: bool) -> None:
        self.crop, self.size, self.flip = np.asarray(crop, float), size, flip

    @classmethod
    def of(cls, results: dict) -> View:
        """The view that MMAction2's transforms leave behind in the results."""
        return cls(results.get('crop_quadruple', (0, 0, 1, 1)), tuple(results['img_shape'][:2]),
                   bool(results.get('flip', False)))

    def landmarks(self, faces: ClipFaces) -> np.ndarray:
        """(T, H, W, 3) pictures of the landmarks."""
        height, width = self.size
        points = faces.landmarks / faces.size[::-1]                             # shares of the frame
        points = (points - self.crop[:2]) / self.crop[2:] * (width, height)
        if self.flip:
            points = mirror(points, width)
        return np.stack([render_landmarks(face, self.size) for face in points])

    def labels(self, faces: ClipFaces) -> np.ndarray:
        """(T, H, W) region ids: each pixel takes the label that lies at its centre."""
        labels = np.zeros((len(faces), *self.size), np.uint8)
        for index in np.flatnonzero(faces.state != MISSING):
            parsing, box = faces.parsing[index], faces.map_boxes[index]
            columns, inside_x = self._places(0, box, faces, parsing.shape[1])
            rows, inside_y = self._places(1, box, faces, parsing.shape[0])
            labels[index] = parsing[rows[:, None], columns] * (inside_y[:, None] & inside_x)
        return SWAPPED[labels[..., ::-1]] if self.flip else labels

    def _places(self, axis: int, box: np.ndarray, faces: ClipFaces, cells: int) -> tuple[np.ndarray, np.ndarray]:
        """For the pixels along an axis (0: x, 1: y) the cell of the label map, and whether it lies inside."""
        pixels, extent = self.size[1 - axis], faces.size[1 - axis]
        places = (self.crop[axis] + (np.arange(pixels) + 0.5) / pixels * self.crop[2 + axis]) * extent
        index = np.floor((places - box[axis]) / (box[2 + axis] - box[axis]) * cells).astype(int)
        return index.clip(0, cells - 1), (index >= 0) & (index < cells)


def _check_view(results: dict, frames: int) -> None:
    if 'lazy' in results:
        raise ValueError('LoadFaceMaps: lazy transforms have not been carried out yet; put Fuse before it')
    if 'imgs' in results and not isinstance(results['imgs'], list):
        raise ValueError('LoadFaceMaps: the pictures are formatted already; put it before FormatShape')
    if 'imgs' in results and len(results['imgs']) != frames:
        raise ValueError(f'LoadFaceMaps: {len(results["imgs"])} pictures for {frames} sampled frames; several crops of '
                         'a clip have no single view, use one crop')
    if results.get('flip') and results.get('flip_direction', 'horizontal') != 'horizontal':
        raise ValueError(f'LoadFaceMaps: a {results["flip_direction"]} flip is no mirrored face; use a horizontal one')
