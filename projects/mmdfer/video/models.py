"""What a model wants of a video: what to keep of a frame, and the scores of a window of what was kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate

from ..face.alignment import aligned_by_points
from ..face.finding import Face

# Steps of a test pipeline that treat every frame alike and by itself: they may be done when the frame comes.
FRAME_STEPS = ('Resize', 'PillowResize', 'CenterCrop')
DECODING = 'ClipDecode'
EDGE = 224


class WindowModel(Protocol):
    """A model of windows."""

    name: str
    classes: Sequence[str]
    notice: str

    def keep(self, frame: np.ndarray, face: Face | None, place: int) -> Any:
        """What is kept of a frame (H, W, 3), RGB, of one person, or of the whole frame where ``face`` is ``None``.

        ``place`` is the frame's among those of that person, from 0.
        """

    def score(self, windows: Sequence[Sequence[Any]]) -> np.ndarray:
        """Probabilities (N, K) of windows of what was kept."""


class KeptFrames:
    """What a test pipeline's opening step sees of a window: its frames, which are in memory."""

    def __init__(self, frames: Sequence[np.ndarray]) -> None:
        self.kept = frames

    def __len__(self) -> int:
        return len(self.kept)

    def frame(self, index: int, min_size: int | None = None) -> np.ndarray:
        return self.kept[index]


class ClipModel:
    """A video model of this package behind its config's test pipeline.

    Args:
        models: models of the same classes, such as those of several folds; their probabilities are averaged.
        pipelines: the ``test_pipeline`` of each, a list of steps.
        classes: class names (K,).
        name: as results call it.
        device: where the models are.
        amp: compute in half precision on CUDA.

    Raises:
        ValueError: for a pipeline that does not decode clips as this package's do.
    """

    notice = ''
    classes: Sequence[str]

    def __init__(
        self,
        models: Sequence[torch.nn.Module],
        pipelines: Sequence[Sequence[dict]],
        classes: Sequence[str],
        name: str,
        device: str,
        amp: bool = False,
    ) -> None:
        self.models, self.classes, self.name, self.device, self.amp = list(models), list(classes), name, device, amp
        self.openings, self.frame_steps, self.closings = [], None, []
        for steps in pipelines:
            opening, frame_steps, closing = split_pipeline(steps)
            if self.frame_steps is not None and frame_steps != self.steps_of_frames:
                raise ValueError(
                    f'{name}: the models want frames of different sizes ({frame_steps} and '
                    f'{self.steps_of_frames}); average their results instead'
                )
            self.steps_of_frames = frame_steps
            self.frame_steps = Compose(frame_steps)
            self.openings.append(Compose(opening))
            self.closings.append(Compose(closing))

    def keep(self, frame: np.ndarray, face: Face | None, place: int) -> np.ndarray:
        if face is not None:
            frame = aligned_by_points(frame, face.points, face.box, EDGE)
        kept = self.frame_steps(
            dict(imgs=[frame], img_shape=frame.shape[:2], original_shape=frame.shape[:2], modality='RGB')
        )
        return kept['imgs'][0]

    @torch.no_grad()
    def score(self, windows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        total = np.zeros((len(windows), len(self.classes)))
        for model, opening, closing in zip(self.models, self.openings, self.closings, strict=True):
            items = []
            for frames in windows:
                opened = opening(dict(clip='window', video_id='window', packed=KeptFrames(frames), modality='RGB'))
                items.append(closing(opened))
            with torch.autocast(torch.device(self.device).type, enabled=self.amp):
                samples = model.test_step(pseudo_collate(items))
            total += torch.stack([sample.pred_score.float().cpu() for sample in samples]).double().numpy()
        return total / len(self.models)


def split_pipeline(steps: Sequence[dict]) -> tuple[list[dict], list[dict], list[dict]]:
    """A test pipeline as the steps up to decoding, those of single frames, and the rest.

    Raises:
        ValueError: where it has no step that decodes.
    """
    kinds = [step['type'].split('.')[-1] for step in steps]
    if DECODING not in kinds:
        raise ValueError(
            f'the test_pipeline has no {DECODING}, by which frames are read; its steps are {", ".join(kinds)}'
        )
    middle = kinds.index(DECODING) + 1
    stop = middle
    while stop < len(kinds) and kinds[stop] in FRAME_STEPS:
        stop += 1
    return list(steps[:middle]), list(steps[middle:stop]), list(steps[stop:])


@dataclass
class KeptFace:
    """A face as the frame-wise network sees it, and its probabilities once they are known."""

    picture: np.ndarray
    scores: np.ndarray | None = None


class FrameModel:
    """The frame-wise network: the mean over a window of the probabilities of single faces.

    Args:
        model: gives logits (N, K) of grey faces (N, 1, 64, 64).
        classes: class names (K,).
        name: as results call it.
        notice: what must be said wherever its figures stand.
        device: where the model is.
        every: of a person's frames, one in so many is looked at.
    """

    classes: Sequence[str]

    def __init__(
        self, model: torch.nn.Module, classes: Sequence[str], name: str, notice: str, device: str, every: int = 4
    ) -> None:
        self.model, self.classes, self.name, self.notice, self.device = model, list(classes), name, notice, device
        self.every = every

    def keep(self, frame: np.ndarray, face: Face | None, place: int) -> KeptFace | None:
        if place % self.every:
            return None
        if face is None:
            height, width = frame.shape[:2]
            box = np.array([0, 0, width, height], float)
            return KeptFace(grey_face(frame, box, margin=0))
        if face.turn:
            frame, box = np.ascontiguousarray(np.rot90(frame, face.turn)), turned_box(face, frame.shape[:2])
        else:
            box = face.box
        return KeptFace(grey_face(frame, box))

    @torch.no_grad()
    def score(self, windows: Sequence[Sequence[KeptFace | None]]) -> np.ndarray:
        new = [item for window in windows for item in window if item is not None and item.scores is None]
        new = list({id(item): item for item in new}.values())
        if new:
            faces = torch.from_numpy(np.stack([item.picture for item in new]))[:, None].to(self.device)
            for item, scores in zip(new, self.model(faces).softmax(dim=1).cpu().double().numpy(), strict=True):
                item.scores = scores
        uniform = np.full(len(self.classes), 1 / len(self.classes))
        means = [[item.scores for item in window if item is not None] for window in windows]
        return np.stack([np.mean(scores, axis=0) if scores else uniform for scores in means])


def turned_box(face: Face, size: tuple[int, int]) -> np.ndarray:
    """A face's box in the frame that was turned to make it stand upright."""
    from ..face.finding import box_turned_back

    turned_size = size if face.turn % 2 == 0 else size[::-1]
    return box_turned_back(face.box, -face.turn % 4, turned_size)


def grey_face(frame: np.ndarray, box: np.ndarray, edge: int = 64, margin: int = 10, border: int = 40) -> np.ndarray:
    """A face as the package ``fer`` cuts it: grey, squared by its longer side, with a margin; (edge, edge) in [-1, 1].

    Args:
        frame: RGB (H, W, 3) of uint8.
        box: (4,) x1, y1, x2, y2.
        edge: of the result.
        margin: pixels added on each side, whatever the face's size.
        border: pixels put around the frame, in the mean grey of its last two rows.
    """
    x, y, right, low = (int(round(float(value))) for value in box)
    width, height = max(right - x, 1), max(low - y, 1)
    if height > width:
        x, width = x - (height - width) // 2, height
    else:
        y, height = y - (width - height) // 2, width
    rows, columns = frame.shape[:2]
    top, left = (max(start - margin, -border) for start in (y, x))
    stop, end = min(y + height + margin, rows + border), min(x + width + margin, columns + border)
    # Only the part around the face is made grey and padded: the whole frame would cost more than the network.
    part = _grey(frame[max(top, 0) : max(stop, 0), max(left, 0) : max(end, 0)])
    pads = [max(-top, 0), max(stop - rows, 0), max(-left, 0), max(end - columns, 0)]
    if any(pads):
        fill = float(_grey(frame[-2:]).mean())
        part = cv2.copyMakeBorder(part, *pads, cv2.BORDER_CONSTANT, value=fill)
    resized = cv2.resize(part, (edge, edge), interpolation=cv2.INTER_LINEAR)
    return (resized.astype(np.float32) / 255 - 0.5) * 2


def _grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
