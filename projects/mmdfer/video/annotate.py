"""The video again, with each person's box, name, label and bars in it; H.264, its sound kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..datasets.video_index import av, open_file
from ..files import whole_file
from ..labels import class_colours

LONGEST = 1280  # pixels of the longer side; larger videos are reduced
CLOCK = Fraction(1, 90000)
COPIED_SOUND = ('aac', 'mp3', 'ac3', 'eac3', 'alac', 'opus')
FEW = 2  # people at a time who have bars of their own; more have a stripe under their box
BARS = 5  # classes whose bars are shown, the most probable first
Rectangle = tuple[float, ...]  # x1, y1, x2, y2


def write_annotated(
    frames: Iterable[np.ndarray],
    times: Sequence[float],
    result: Mapping[str, Any],
    path: Path,
    sound_of: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write the annotated video, whole or not at all.

    Args:
        frames: RGB (H, W, 3) of one size, one for each time.
        times: seconds at which they are shown, rising.
        result: of inference, see :mod:`mmdfer.video.results`.
        path: the video to write, ending in ``.mp4``.
        sound_of: a file whose sound goes with it.
        progress: called with the time reached.
    """
    library = av()
    lanes = [Lane(track, result['classes']) for track in result['tracks']]
    with whole_file(path) as partial, library.open(str(partial), 'w', format='mp4') as out:
        stream = sound = None
        for frame, time in zip(frames, times, strict=False):
            scale = min(LONGEST / max(frame.shape[:2]), 1.0)
            picture = drawn(frame, time, lanes, scale, result['model']['notice'])
            if stream is None:
                stream = out.add_stream(
                    'libx264', rate=max(round(result['fps']), 1), options=dict(crf='20', preset='veryfast')
                )
                stream.width, stream.height = picture.size
                stream.pix_fmt, stream.time_base = 'yuv420p', CLOCK
                stream.codec_context.time_base = CLOCK
                sound = None if sound_of is None else Sound(sound_of, out)
            shown = library.VideoFrame.from_image(picture)
            shown.pts, shown.time_base = round(time / CLOCK), CLOCK
            out.mux(stream.encode(shown))
            if progress is not None:
                progress(time)
        if stream is None:
            raise ValueError(f'{result["video"]}: there is no frame to draw on')
        out.mux(stream.encode(None))
        if sound is not None:
            sound.copy(float(times[-1]))


class Lane:
    """A track's box and window at any time."""

    def __init__(self, track: Mapping[str, Any], classes: Sequence[str]) -> None:
        self.name, self.classes = track['label'], list(classes)
        self.times = [frame[0] for frame in track['frames']]
        self.boxes = [frame[1:] for frame in track['frames']]
        self.windows = track['windows']
        self.span = (track['start'], track['end'])

    def at(self, time: float, patience: float = 0.25) -> tuple[list[float] | None, Mapping[str, Any] | None] | None:
        """Box and window at a time; ``None`` while the person is not seen, no box for the whole frame."""
        if not self.span[0] - 1e-3 <= time <= self.span[1] + 1e-3:
            return None
        box = None
        if self.times:
            place = bisect_right(self.times, time + 1e-3) - 1
            if place < 0 or time - self.times[place] > patience:
                return None
            box = self.boxes[place]
        near = min(self.windows, key=lambda window: abs((window['start'] + window['end']) / 2 - time), default=None)
        return box, near


def drawn(frame: np.ndarray, time: float, lanes: Sequence[Lane], scale: float, notice: str = '') -> Image.Image:
    """A frame with everybody who is in it at a time; its sides are even, as H.264 wants them."""
    image = Image.fromarray(np.ascontiguousarray(frame))
    size = tuple(max(2 * round(edge * scale / 2), 2) for edge in image.size)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image, 'RGBA')
    unit = max(min(size) // 28, 9)
    here = [(lane, *seen) for lane in lanes if (seen := lane.at(time)) is not None]
    if len(here) > FEW:
        unit = max(2 * unit // 3, 9)
    taken: list[Rectangle] = [(0, size[1] - 1.5 * unit, 12 * unit, size[1])] if notice else []  # then by bars
    for lane, box, window in here:
        others = [tuple(edge * scale for edge in other) for _, other, _ in here if other is not None and other != box]
        _draw_lane(draw, size, unit, lane, box, window, scale, taken if len(here) <= FEW else None, others)
    if notice:
        draw.text(
            (unit // 2, size[1] - 1.4 * unit),
            'frame-wise baseline',
            font=_font(int(0.8 * unit)),
            fill=(255, 255, 255, 170),
        )
    return image


def _draw_lane(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    unit: int,
    lane: Lane,
    box: list[float] | None,
    window: Mapping[str, Any] | None,
    scale: float,
    taken: list[Rectangle] | None,
    others: Sequence[Rectangle],
) -> None:
    """A person's box, name and bars; of bars that would lie over others', or where ``taken`` is ``None``, a stripe."""
    colours = dict(zip(lane.classes, class_colours(tuple(lane.classes)), strict=True))
    colour = colours[window['label']] if window is not None else '#dddddd'
    x1, y1, x2, y2 = (edge * scale for edge in box) if box is not None else (unit, 2 * unit, unit, unit)
    if box is not None:
        draw.rectangle((x1, y1, x2, y2), outline=colour, width=max(unit // 8, 2))
    text = lane.name if window is None else f'{lane.name}: {window["label"]} {100 * max(window["probabilities"]):.0f}%'
    font = _font(unit)
    left, top, right, low = draw.textbbox((0, 0), text, font=font)
    x = min(max(x1, 0), max(size[0] - (right - left) - unit, 0))
    y = max(y1 - 1.5 * unit, 0)
    draw.rectangle((x, y, x + right - left + unit // 2, y + 1.4 * unit), fill=(0, 0, 0, 150))
    draw.text((x + unit // 4 - left, y + 0.1 * unit), text, font=font, fill='white')
    if window is None:
        return
    ranked = sorted(zip(window['probabilities'], lane.classes, strict=True), reverse=True)[:BARS]
    small = _font(max(int(0.55 * unit), 7))
    width, height = 4.2 * unit, max(0.62 * unit, 1.15 * small.size)
    extent = (8.2 * unit, len(ranked) * height + 0.2 * unit)
    place = None if taken is None else _free_place((x1, y1, x2, y2), extent, size, unit, taken, others)
    if place is None and box is not None:
        left_of, low = x1, min(y2 + 2, size[1] - 0.4 * unit)
        for value, name in zip(window['probabilities'], lane.classes, strict=True):
            draw.rectangle((left_of, low, left_of + value * (x2 - x1), low + 0.4 * unit), fill=colours[name])
            left_of += value * (x2 - x1)
        return
    left_of, y = place or (unit, 2 * unit)
    if taken is not None:
        taken.append((left_of, y, left_of + extent[0], y + extent[1]))
    draw.rectangle((left_of, y, left_of + extent[0], y + extent[1]), fill=(0, 0, 0, 120))
    for row, (value, name) in enumerate(ranked):
        at = y + 0.1 * unit + row * height
        draw.rectangle(
            (left_of + 3.8 * unit, at + 0.12 * unit, left_of + 3.8 * unit + max(width * value, 1), at + 0.52 * unit),
            fill=colours[name],
        )
        draw.text((left_of + 0.15 * unit, at), name, font=small, fill='white')


def _free_place(
    box: Rectangle,
    extent: tuple[float, float],
    size: tuple[int, int],
    unit: int,
    taken: Sequence[Rectangle],
    others: Sequence[Rectangle],
) -> tuple[float, float] | None:
    """Where a person's bars hide nobody: beside, below or above their box, or else in its lower part."""
    (x1, y1, x2, y2), (width, height) = box, extent
    beside = min(max(y1, 0), max(size[1] - height - 0.4 * unit, 0))
    along = min(max(x1, 0), max(size[0] - width, 0))
    places = [
        (x2 + 0.3 * unit, beside),
        (x1 - 0.3 * unit - width, beside),
        (along, y2 + 0.3 * unit),
        (along, y1 - 1.6 * unit - height),
        (along, min(y2, size[1]) - height - 0.2 * unit),
        (min(x2, size[0]) - width, min(y2, size[1]) - height - 0.2 * unit),
    ]
    for x, y in places:
        inside = x >= 0 and y >= 0 and x + width <= size[0] and y + height <= size[1]
        if inside and not any(_meet((x, y, x + width, y + height), other) for other in (*taken, *others)):
            return x, y
    return None


def _meet(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Matplotlib's own face, which has letters of many scripts."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / 'fonts' / 'ttf' / 'DejaVuSans.ttf'), size)


class Sound:
    """The sound of a file, copied as it is where MP4 takes it, encoded as AAC where not."""

    def __init__(self, path: str, out: Any) -> None:
        self.library, self.out = av(), out
        self.container = open_file(path)
        streams = self.container.streams.audio
        self.stream = streams[0] if streams and streams[0].codec_context is not None else None
        self.copied = self.stream is not None and self.stream.codec_context.name in COPIED_SOUND
        self.target = None
        if self.stream is not None:
            self.target = (
                out.add_stream_from_template(self.stream)
                if self.copied
                else out.add_stream('aac', rate=self.stream.codec_context.sample_rate or 44100)
            )
        videos = self.container.streams.video
        start = videos[0].start_time if videos else None
        self.begin = float(start * videos[0].time_base) if start is not None else 0.0

    def copy(self, until: float) -> None:
        """Everything up to a time of the video."""
        if self.target is None:
            self.container.close()
            return
        for packet in self._packets():
            if packet.pts is not None and float(packet.pts * packet.time_base) - self.begin > until + 1:
                break
            if self.copied:
                if packet.dts is None:
                    continue
                shift = round(self.begin / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = self.target
                self.out.mux(packet)
                continue
            try:
                for frame in packet.decode():
                    frame.pts = None
                    self.out.mux(self.target.encode(frame))
            except self.library.FFmpegError:  # a damaged packet is a moment of silence
                continue
        if not self.copied:
            self.out.mux(self.target.encode(None))
        self.container.close()

    def _packets(self) -> Iterator[Any]:
        try:
            yield from self.container.demux(self.stream)
        except self.library.FFmpegError:  # sound that ends early ends early
            return
