"""Every face of a frame by MediaPipe's detectors: turned ones and small ones too, each with eyes and mouth."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from .boxes import cut, iou, square
from .finding import Face, box_turned_back, turned_back
from .mediapipe_graphs import face_detectors, face_mesher

LONGEST = 960  # pixels of a frame's longer side that the detectors need at most; they reduce to 192 themselves
TILE = 640  # pixels of a tile's side, in which small faces are looked for
TILE_OVERLAP = 0.25
SAME = 0.35  # intersection over union of two boxes of one face
TURNED_SCORE = 0.6  # of a face in a turned frame: looked for where there is none upright, mistakes are more common
VERIFIED_EDGE = 256  # pixels of the crop in which a mesh is fitted
LEANING = 40  # degrees of a face's lean from which it may be one that is turned
SURE = 0.85  # score of an upright face that needs no second look
LEAD = 0.1  # by which a face upside down must be surer than upright


class FaceDetector:
    """Faces (:class:`~mmdfer.face.finding.Face`) of frames that come one after the other.

    The detectors see upright faces, and those that lean. A *thorough* look, which costs several times as much, also
    takes tiles of large frames and turns the frame by quarters, and finds out which faces stand on their head;
    between two thorough looks the turned ones are followed where they were.

    Args:
        least_score: of a face, in [0, 1].

    Raises:
        ImportError: without MediaPipe.
    """

    def __init__(self, least_score: float = 0.5) -> None:
        self.far, self.near = face_detectors(least_score)
        self.mesher = face_mesher()
        self._turned: list[Face] = []

    def find(self, frame: np.ndarray, thorough: bool = False) -> list[Face]:
        """Faces of a frame (H, W, 3), RGB, the surest first."""
        faces = self._upright(frame)
        if thorough:
            faces += self._in_tiles(frame)
            if all(abs(lean_of(face)) > LEANING for face in faces):  # none, or what may be a mistake
                faces += self._in_turned_frame(frame)
            faces = [self._stood_up(frame, face) for face in distinct(faces)]
            self._turned = [face for face in faces if face.turn]
        elif self._turned:
            self._turned = [found for face in self._turned if (found := self._again(frame, face)) is not None]
            faces = self._turned + faces
        return distinct(faces)

    def find_alone(self, frame: np.ndarray) -> list[Face]:
        """Faces of a frame that has nothing to do with those before; small and turned ones where there is none else.

        Those have to stand a closer look, since what is looked for in many places is more often mistaken.
        """
        return distinct(self._upright(frame)) or [
            face
            for face in distinct(self._in_tiles(frame) or self._in_turned_frame(frame))
            if self.is_face(frame, face)
        ]

    def turn_of(self, frame: np.ndarray, box: np.ndarray) -> int:
        """Quarters by which ``numpy.rot90`` makes the face in a box stand upright."""
        crop, shown = cut(frame, square(box, 1.0), VERIFIED_EDGE)
        upright = self._best_in(crop, shown, 0)
        if upright is not None and abs(lean_of(upright)) <= LEANING and upright.score >= SURE:
            return 0
        found = {turn: self._best_in(crop, shown, turn) for turn in (1, 2, 3)}
        scores = {
            turn: face.score
            for turn, face in found.items()
            if face is not None and abs(lean_of_turned(face)) <= LEANING
        }
        if upright is not None and abs(lean_of(upright)) <= LEANING:
            scores[0] = upright.score + LEAD
        return max(scores, key=scores.__getitem__, default=0)

    def is_face(self, frame: np.ndarray, face: Face) -> bool:
        """Whether a mesh fits what was found: what only looks like a face to the detector has none."""
        crop, _ = cut(frame, square(face.box, 1.0), VERIFIED_EDGE)
        return bool(self.mesher.process(np.ascontiguousarray(np.rot90(crop, face.turn))).multi_face_landmarks)

    def _upright(self, frame: np.ndarray) -> list[Face]:
        scale = min(LONGEST / max(frame.shape[:2]), 1.0)
        if scale < 1:
            edges = [max(round(edge * scale), 1) for edge in frame.shape[1::-1]]
            small = cv2.resize(frame, edges, interpolation=cv2.INTER_AREA)
            return [Face(face.box / scale, face.score, face.points / scale) for face in self._detect(small)]
        return self._detect(frame)

    def _detect(self, picture: np.ndarray) -> list[Face]:
        """By the detector of small faces, and where it sees none by the one of faces that fill the picture."""
        return run_detector(self.far, picture) or run_detector(self.near, picture)

    def _in_tiles(self, frame: np.ndarray) -> list[Face]:
        faces = []
        for x, y in tiles(frame.shape[:2]):
            for face in run_detector(self.far, np.ascontiguousarray(frame[y : y + TILE, x : x + TILE])):
                faces.append(Face(face.box + (x, y, x, y), face.score, face.points + (x, y)))
        return faces

    def _in_turned_frame(self, frame: np.ndarray) -> list[Face]:
        faces = []
        for turn in (1, 3, 2):
            for face in self._upright(np.ascontiguousarray(np.rot90(frame, turn))):
                if face.score >= TURNED_SCORE:
                    faces.append(_turned_face(face, turn, frame.shape[:2]))
        return faces

    def _stood_up(self, frame: np.ndarray, face: Face) -> Face:
        """The face with the turn in which it is surest, and the eyes and mouth that are seen then."""
        if face.turn:
            return face
        lean = lean_of(face)
        turns = {1: 3, -1: 1}.get(round(lean / 90)) if abs(lean) > LEANING else 2 if face.score < SURE else None
        if turns is None:
            return face
        crop, shown = cut(frame, square(face.box, 1.0), 2 * TILE)
        upright = self._best_in(crop, shown, 0)
        other = self._best_in(crop, shown, turns)
        least = (upright.score if upright is not None else face.score if turns == 2 else 0.0) + LEAD * (turns == 2)
        return other if other is not None and other.score > least else face

    def _again(self, frame: np.ndarray, face: Face) -> Face | None:
        crop, shown = cut(frame, square(face.box, 1.0), 2 * TILE)
        return self._best_in(crop, shown, face.turn)

    def _best_in(self, crop: np.ndarray, shown: np.ndarray, turn: int) -> Face | None:
        """The surest face of a crop that shows the box (4,) of a frame, looked at with a turn."""
        found = run_detector(self.near, np.ascontiguousarray(np.rot90(crop, turn)))
        if not found:
            return None
        face = _turned_face(max(found, key=lambda one: one.score), turn, crop.shape[:2])
        scale, offset = (shown[2:] - shown[:2]) / crop.shape[1::-1], shown[:2]
        return Face(face.box * np.tile(scale, 2) + np.tile(offset, 2), face.score, face.points * scale + offset, turn)


def run_detector(detector, picture: np.ndarray) -> list[Face]:
    """Faces of a picture (H, W, 3) by one of MediaPipe's detectors, in its pixels."""
    height, width = picture.shape[:2]
    faces = []
    for found in detector.process(picture).detections or ():
        box = found.location_data.relative_bounding_box
        points = np.array([(point.x * width, point.y * height) for point in found.location_data.relative_keypoints])
        corners = np.array([box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height]) * (
            width,
            height,
            width,
            height,
        )
        # MediaPipe names eyes as the person has them: the first is on the picture's left.
        faces.append(Face(corners, float(found.score[0]), points[[0, 1, 3]]))
    return sorted(faces, key=lambda face: -face.score)


def lean_of(face: Face) -> float:
    """Degrees by which a face leans in its picture: 0 upright, 90 with the chin to the right."""
    down = face.points[2] - face.points[:2].mean(axis=0)
    return float(np.degrees(np.arctan2(down[0], down[1])))


def lean_of_turned(face: Face) -> float:
    """Degrees by which a face leans in the picture that was turned to make it stand upright."""
    return (lean_of(face) + 90 * face.turn + 180) % 360 - 180


def distinct(faces: list[Face]) -> list[Face]:
    """The faces without those that show one that is surer, the surest first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda one: -one.score):
        if not kept or iou(face.box, np.stack([one.box for one in kept])).max() < SAME:
            kept.append(face)
    return kept


def tiles(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Upper left corners (x, y) of overlapping tiles of a frame that is much larger than one, else none."""
    height, width = size
    if max(size) < 1.5 * TILE:
        return
    step = round(TILE * (1 - TILE_OVERLAP))

    def starts(extent: int) -> list[int]:
        return [*range(0, max(extent - TILE, 0), step), max(extent - TILE, 0)]

    for y in dict.fromkeys(starts(height)):
        for x in dict.fromkeys(starts(width)):
            yield x, y


def _turned_face(face: Face, turn: int, size: tuple[int, int]) -> Face:
    return Face(box_turned_back(face.box, turn, size), face.score, turned_back(face.points, turn, size), turn)
