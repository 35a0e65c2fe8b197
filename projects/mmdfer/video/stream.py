"""One pass over a video: faces, people, windows as they fill, scores in batches; memory stays flat."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from ..face.alignment import aligned_by_points
from ..face.detection import FaceDetector
from ..face.finding import Face, between
from ..face.geometry import geometry_of
from .models import WindowModel
from .people import People, Person
from .windows import Lane, Window

DETECTIONS_A_SECOND = 8.0
THOROUGH_EVERY = 1.0  # seconds between two thorough looks
THOROUGH_WITHOUT_FACE = 0.5  # the same while nobody is seen
LOOK_EDGE = 24
CUT = 45.0  # mean difference of two small grey pictures, of 255, that is a cut


@dataclass
class Settings:
    """How a video is cut into windows.

    Args:
        window: seconds of a window.
        stride: seconds from one window's start to the next.
        region: ``'faces'``, every person by themselves, or ``'frame'``, the whole frame as it is.
        batch_size: windows a step of the model.
        reidentify: take a new person for one who had been away, by their looks.
        geometry: measure each person's mesh in each frame, see :mod:`mmdfer.face.geometry`.

    Raises:
        ValueError: for lengths that are not positive, or an unknown region.
    """

    window: float = 3.0
    stride: float = 1.0
    region: str = 'faces'
    batch_size: int = 8
    reidentify: bool = True
    geometry: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.window < np.inf and 0 < self.stride < np.inf) or self.batch_size < 1:
            raise ValueError(
                f'window={self.window}, stride={self.stride} and batch_size={self.batch_size} must be positive'
            )
        if self.region not in ('faces', 'frame'):
            raise ValueError(f"region={self.region!r} is not known: choose 'faces' or 'frame'")
        if self.geometry and self.region != 'faces':
            raise ValueError("geometry is measured of faces: it wants region='faces'")


@dataclass
class Track:
    """What is known of one lane when the video ends: its frames' times and boxes, and its scored windows.

    ``frames`` holds (time, end, box) of every frame in which the person is seen, detected or between two detections;
    the box is ``None`` for the whole frame. ``geometry`` holds (time, measures) of each, where they are asked for.
    """

    number: int
    person: Person | None
    frames: list[tuple[float, float, np.ndarray | None]] = field(default_factory=list)
    windows: list[tuple[Window, np.ndarray]] = field(default_factory=list)
    end: float = 0.0
    geometry: list[tuple[float, np.ndarray | None]] = field(default_factory=list)


class VideoStream:
    """Runs a model over the frames of a video, person by person.

    Args:
        model: keeps of each frame what it wants, and scores windows.
        settings: how windows are cut.
        detector: finds faces; made when it is first wanted.
    """

    def __init__(self, model: WindowModel, settings: Settings, detector: FaceDetector | None = None) -> None:
        self.model, self.settings = model, settings
        self._detector = detector
        self._mesher: Any = None
        self.tracks: list[Track] = []

    def run(
        self,
        frames: Iterable[tuple[np.ndarray, float, float]],
        fps: float,
        progress: Callable[[float], None] | None = None,
        single: bool = False,
    ) -> list[Track]:
        """Go through a video once.

        Args:
            frames: RGB (H, W, 3) and the seconds from and to which each is shown.
            fps: frames a second on average.
            progress: called with the time reached.
            single: whether it is one picture, in which nobody can be seen twice.

        Returns:
            A track of each person, in the order in which they were first seen; of the frame, one.

        Raises:
            KeyboardInterrupt: as it came; what was done so far is in :attr:`tracks`.
        """
        run = _Run(self, fps, single)
        try:
            for frame, time, end in frames:
                run.take(frame, time, end)
                if progress is not None:
                    progress(end)
        finally:
            self.tracks = run.finish()
        return self.tracks

    @property
    def detector(self) -> FaceDetector:
        if self._detector is None:
            self._detector = FaceDetector()
        return self._detector

    def measures(self, frame: np.ndarray, face: Face) -> np.ndarray | None:
        """What the mesh of a face measures; ``None`` where no mesh fits."""
        if self._mesher is None:
            from ..face.mediapipe_faces import MediaPipeFaces

            self._mesher = MediaPipeFaces()
        mesh = self._mesher.mesh(frame, face.box, face.turn)
        return None if mesh is None else geometry_of(mesh)


class _Run:
    """The state of one pass."""

    def __init__(self, stream: VideoStream, fps: float, single: bool) -> None:
        self.stream, self.model, self.settings, self.fps = stream, stream.model, stream.settings, fps
        self.people = People(self.settings.reidentify)
        if single:
            self.people.of_one_picture()
        self.lanes: dict[int, tuple[Lane, Track]] = {}
        self.waiting: deque[tuple[np.ndarray, float, float]] = deque()  # frames since the last detection
        self.before: dict[int, tuple[float, Face]] = {}  # each person's face at the last detection
        self.queue: list[tuple[Track, Window]] = []
        self.last_thorough, self.small, self.count = -np.inf, None, 0
        self.step = max(1, round(fps / DETECTIONS_A_SECOND))

    def take(self, frame: np.ndarray, time: float, end: float) -> None:
        """The next frame."""
        if self.settings.region == 'frame':
            self._add(None, frame, time, end, None)
            return
        self.waiting.append((frame, time, end))
        cut = self._is_cut(frame)
        if self.count % self.step == 0 or cut:
            self._detect(cut)
        self.count += 1

    def _detect(self, cut: bool = False) -> None:
        """Look for faces in the newest frame; those of the frames before it lie between this detection and the last."""
        frame, time, _ = self.waiting[-1]
        detector = self.stream.detector
        every = THOROUGH_EVERY if self.before else THOROUGH_WITHOUT_FACE
        thorough = cut or time - self.last_thorough >= every
        if thorough:
            self.last_thorough = time
        faces = detector.find(frame, thorough)
        looks = [look_of(frame, face) for face in faces]
        people = self.people.update(time, faces, looks, cut, lambda face: detector.is_face(frame, face))
        now = {}
        for face, person in zip(faces, people, strict=True):
            self._merge(person)
            now[id(person)] = (time, face)
            earlier = self.before.get(id(person))
            for picture, shown, end in self.waiting:
                if shown == time:
                    self._add(person, picture, shown, end, face)
                elif earlier is not None and not cut and shown > earlier[0]:
                    share = (shown - earlier[0]) / (time - earlier[0])
                    self._add(person, picture, shown, end, between(earlier[1], face, share))
        self.before = now
        self.waiting.clear()
        gone = [
            key
            for key, (_, track) in self.lanes.items()
            if track.person is not None and not track.person.confirmed and time - track.person.last > 2.0
        ]
        for key in gone:  # what was taken for a face for a moment
            del self.lanes[key]

    def _merge(self, person: Person) -> None:
        """Frames of people who turned out to be ``person`` go to their lane."""
        for key, (lane, track) in list(self.lanes.items()):
            if track.person is not None and track.person.merged is person and key != id(person):
                own_lane, own_track = self._lane(person)
                own_track.frames += track.frames
                own_track.windows += track.windows
                own_track.geometry += track.geometry
                self.queue = [(own_track if one is track else one, window) for one, window in self.queue]
                if key in self.before:
                    self.before[id(person)] = self.before.pop(key)
                self._put(own_track, own_lane.absorb(lane, self.fps))
                del self.lanes[key]

    def _lane(self, person: Person | None) -> tuple[Lane, Track]:
        key = id(person)
        if key not in self.lanes:
            lane = Lane(self.settings.window, self.settings.stride)
            self.lanes[key] = (lane, Track(-1 if person is not None else 0, person))
        return self.lanes[key]

    def _add(self, person: Person | None, frame: np.ndarray, time: float, end: float, face: Face | None) -> None:
        lane, track = self._lane(person)
        track.frames.append((time, end, None if face is None else face.box))
        track.end = end
        if face is not None and self.settings.geometry:
            track.geometry.append((time, self.stream.measures(frame, face)))
        kept = self.model.keep(frame, face, len(track.frames) - 1)
        self._put(track, lane.add(time, end, kept, self.fps))

    def _put(self, track: Track, windows: list[Window]) -> None:
        """Windows wait until there is a batch of them."""
        self.queue += [(track, window) for window in windows]
        while len(self.queue) >= self.settings.batch_size:
            self._score(self.settings.batch_size)

    def _score(self, count: int) -> None:
        batch, self.queue = self.queue[:count], self.queue[count:]
        if batch:
            for (track, window), scores in zip(
                batch, self.model.score([window.items for _, window in batch]), strict=True
            ):
                window.items = []
                track.windows.append((window, scores))

    def finish(self) -> list[Track]:
        """What is left is cut and scored."""
        if self.waiting:
            self._detect()
        for lane, track in self.lanes.values():
            if track.person is None or track.person.confirmed:
                self._put(track, lane.finish(self.fps))
        while self.queue:
            self._score(self.settings.batch_size)
        tracks = [track for _, track in self.lanes.values() if track.person is None or track.person.confirmed]
        for track in tracks:
            track.number = 0 if track.person is None else track.person.number
            track.windows.sort(key=lambda pair: (pair[0].start, pair[0].end))
        return sorted(tracks, key=lambda track: track.number)

    def _is_cut(self, frame: np.ndarray) -> bool:
        """Whether the picture is altogether another than the frame before."""
        rows, columns = (max(extent // 32, 1) for extent in frame.shape[:2])
        small = cv2.cvtColor(np.ascontiguousarray(frame[::rows, ::columns]), cv2.COLOR_RGB2GRAY).astype(np.float32)
        before, self.small = self.small, small
        return before is not None and before.shape == small.shape and float(np.abs(before - small).mean()) > CUT


def look_of(frame: np.ndarray, face: Face) -> np.ndarray | None:
    """A unit vector by which a face may be known again: its upright crop, small, without its mean colour."""
    crop = aligned_by_points(frame, face.points, face.box, LOOK_EDGE).astype(np.float32)
    crop -= crop.mean(axis=(0, 1))
    length = float(np.linalg.norm(crop))
    return None if length < 1 else crop.reshape(-1) / length


def merge_times(spans: list[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """Spans (start, end) in order, those nearer than ``gap`` seconds as one."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def spans_without(tracks: list[Track], begin: float, end: float) -> list[tuple[float, float]]:
    """Spans (start, end) in seconds of a video from ``begin`` to ``end`` in which nobody is seen."""
    seen = merge_times([(time, stop) for track in tracks for time, stop, _ in track.frames], 1e-3)
    borders = [begin, *(edge for span in seen for edge in span), max(end, begin)]
    return [(start, stop) for start, stop in zip(borders[::2], borders[1::2], strict=True) if stop - start > 1e-3]
