"""The main face of a clip: faces joined from frame to frame, and short gaps filled."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .boxes import iou

LEAST_IOU = 0.3
LONGEST_LOSS = 12
"""Frames for which a face may be lost and still be taken for the same when it comes back."""
LONGEST_GAP = 5
"""Frames without a face, between two with it, that are interpolated."""


def main_track(faces: Sequence[np.ndarray], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Which face of each frame is the main one.

    Faces of neighbouring frames that overlap are one track. A track's weight is the sum over its frames of
    a face's edge, greater towards the frame's middle; in every frame the heaviest track shows the main
    face, so the choice does not jump between people, and survives a cut.

    Args:
        faces: for each frame the boxes (n, 4) in it.
        size: height and width of the frames.

    Returns:
        (T,) index into each frame's boxes, and (T,) number of its track; -1 in frames without a face.
    """
    tracks: list[dict] = []
    for frame, boxes in enumerate(faces):
        free = set(range(len(boxes)))
        active = [track for track in tracks if frame - track['last'] <= LONGEST_LOSS]
        overlaps = [(overlap, -number, index) for number, track in enumerate(active) if len(boxes)
                    for index, overlap in enumerate(iou(track['box'], boxes)) if overlap >= LEAST_IOU]
        taken = set()
        for _, number, index in sorted(overlaps, reverse=True):
            if -number not in taken and index in free:
                taken.add(-number)
                free.discard(index)
                _extend(active[-number], frame, index, boxes[index], size)
        for index in sorted(free):
            tracks.append(dict(members={}, weight=0.))
            _extend(tracks[-1], frame, index, boxes[index], size)
    chosen, numbers = np.full(len(faces), -1), np.full(len(faces), -1)
    for number in sorted(range(len(tracks)), key=lambda number: tracks[number]['weight']):
        for frame, index in tracks[number]['members'].items():
            chosen[frame], numbers[frame] = index, number
    return chosen, numbers


def _extend(track: dict, frame: int, index: int, box: np.ndarray, size: tuple[int, int]) -> None:
    middle = np.array(size[::-1]) / 2
    distance = np.linalg.norm((box[:2] + box[2:]) / 2 - middle) / np.linalg.norm(middle)
    track['members'][frame] = index
    track['weight'] += np.sqrt(max(np.prod(box[2:] - box[:2]), 0.)) * (1 - 0.5 * min(distance, 1.))
    track.update(last=frame, box=box)


def short_gaps(tracks: np.ndarray, longest: int = LONGEST_GAP) -> list[tuple[int, int]]:
    """Runs [start, stop) of at most ``longest`` frames without a face, between frames of the same track (T,)."""
    seen = np.flatnonzero(tracks >= 0)
    return [(before + 1, after) for before, after in zip(seen[:-1], seen[1:])
            if 0 < after - before - 1 <= longest and tracks[before] == tracks[after]]


def fill_gaps(values: np.ndarray, gaps: Sequence[tuple[int, int]]) -> np.ndarray:
    """Values (T, ...) with the frames of the gaps set on a straight line between those beside them."""
    values = values.copy()
    for start, stop in gaps:
        share = (np.arange(start, stop) - start + 1) / (stop - start + 1)
        share = share.reshape(-1, *[1] * (values.ndim - 1))
        values[start:stop] = (1 - share) * values[start - 1] + share * values[stop]
    return values
