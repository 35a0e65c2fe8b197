"""What recognition makes of a video as small pictures for a guide: the lanes, an annotated frame, the page."""
from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..files import make_folder, whole_file
from ..video.annotate import Lane, drawn
from ..video.recognise import open_source
from ..video.sources import find_sources
from ..video.stream import Settings
from .infer_files import STRIP, in_words

if TYPE_CHECKING:
    from ..video.recognise import Opened
    from ..video.results import Result
    from .inference import DFERInferencer

WIDTH = 960  # pixels of a picture
MOST_BYTES = 150_000
COLOURS = 256  # of a picture that is drawn and not photographed
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
PAGE_SIZE = (960, 660)
PATIENCE = 60.           # seconds for a browser to draw a page


def make_pictures(
    inferencer: DFERInferencer, video: str, out: str, window: float = 3.0, stride: float = 1.0, region: str = 'faces',
    at: float | None = None,
) -> list[Path]:
    """Recognise a video and make its pictures.

    Args:
        inferencer: the model.
        video: a video, picture or folder of frames.
        out: folder of ``lanes.png``, ``frame.jpg`` and, where there is a Chromium that draws it, ``page.png``.
        window, stride, region: as in the inferencer's call.
        at: second of the annotated frame. Defaults to the middle of the surest window.

    Returns:
        The pictures, each of at most :data:`MOST_BYTES`.

    Raises:
        BadClipError: for a video that does not decode.
        ValueError: for a time outside the video.
    """
    from ..visualization.lanes import plot_lanes

    (source,) = find_sources([video])[:1]
    opened = open_source(source)
    if at is not None and not 0 <= at <= opened.duration:
        raise ValueError(f'--at {at}: the video lasts from 0 to {opened.duration:.2f} s')
    result = inferencer.recognise(opened, Settings(window, stride, region, inferencer.batch_size))
    print(f'{source.path}: {in_words(result)}')
    make_folder(out)
    lanes, frame, page = (Path(out) / name for name in ('lanes.png', 'frame.jpg', 'page.png'))
    strip = opened.some(STRIP)
    with tempfile.TemporaryDirectory() as scratch:
        plot_lanes(result, Path(scratch) / 'lanes.png', strip)
        write_small(Image.open(Path(scratch) / 'lanes.png'), lanes)
    write_small(annotated_frame(opened, result, at), frame)
    shot = page_picture(result, strip)
    if shot is None:
        print(f'{page.name}: left out, there is no browser that draws it ({", ".join(BROWSERS)})')
        return [lanes, frame]
    write_small(shot, page)
    return [lanes, frame, page]


def annotated_frame(opened: Opened, result: Result, at: float | None = None) -> Image.Image:
    """The frame shown at a time, with everybody's box, name and bars; by default amid the surest window."""
    if at is None:
        best = max(result['windows'], key=lambda window: max(window['probabilities']), default=None)
        at = opened.duration / 2 if best is None else (best['start'] + best['end']) / 2
    place = max(int(np.searchsorted(opened.times, at + 1e-6)) - 1, 0)
    frame = opened.read([place])[0]
    lanes = [Lane(track, result['classes']) for track in result['tracks']]
    scale = WIDTH / max(frame.shape[:2])
    return drawn(frame, float(opened.times[place]), lanes, scale, result['model']['notice'])


def page_picture(result: Result, strip: list[tuple[float, np.ndarray]]) -> Image.Image | None:
    """The page as a browser shows it; ``None`` where there is none, or it draws nothing."""
    from ..video.page import write_page

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        page, picture = Path(scratch) / 'page.html', Path(scratch) / 'page.png'
        write_page(result, strip, page)
        words = [browser, '--headless', '--disable-gpu', '--hide-scrollbars', f'--user-data-dir={scratch}/profile',
                 '--window-size={},{}'.format(*PAGE_SIZE), f'--screenshot={picture}', page.as_uri()]
        if hasattr(os, 'geteuid') and os.geteuid() == 0:
            words.insert(1, '--no-sandbox')  # it does not start as root otherwise; the page is our own
        try:
            # Not by pipes: the browser's own processes may keep them open when it was ended.
            subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return Image.open(io.BytesIO(picture.read_bytes())) if picture.is_file() else None


def write_small(picture: Image.Image, path: Path) -> None:
    """Write a picture no wider than :data:`WIDTH` and no larger than :data:`MOST_BYTES`, whole or not at all."""
    picture = picture.convert('RGB')
    width = min(picture.width, WIDTH)
    while True:
        small = picture.resize((width, max(round(picture.height * width / picture.width), 1)), Image.Resampling.LANCZOS)
        data = io.BytesIO()
        if path.suffix == '.png':
            small.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE).save(data, 'PNG', optimize=True)
        else:
            small.save(data, 'JPEG', quality=85)
        if data.tell() <= MOST_BYTES or width < 200:
            break
        width = round(0.85 * width)
    with whole_file(path) as partial:
        partial.write_bytes(data.getvalue())
