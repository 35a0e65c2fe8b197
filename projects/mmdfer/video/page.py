"""A page of a video's people over time: one file, works offline; hover for values, click to the moment."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jinja2 import Environment, FileSystemLoader
from PIL import Image

from ..files import write_text
from ..labels import class_colours

TEMPLATES = Path(__file__).with_name('templates')
THUMBNAIL_HEIGHT = 72
STRIP_WIDTH, STRIP_HEIGHT = 1000, 64  # pixels of the film strip, about, as the page shows it


def write_page(
    result: Mapping[str, Any], thumbnails: Sequence[tuple[float, np.ndarray]], path: Path, video: str | None = None
) -> None:
    """Write the page, whole or not at all.

    Args:
        result: of inference, see :mod:`mmdfer.video.results`.
        thumbnails: (seconds, (H, W, 3) RGB) of the film strip, in order.
        path: the page to write.
        video: the annotated video beside the page, by its file name; the page then plays it.
    """
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    # "</" would end the script that holds the data.
    data = json.dumps(_data(result)).replace('</', '<\\/')
    source = None if video is None else quote(os.fsencode(video))
    strip = [(round(time, 2), _uri(image)) for time, image in fitting(thumbnails)]
    write_text(environment.get_template('video.html').render(result=result, data=data, strip=strip, video=source), path)


def fitting(thumbnails: Sequence[tuple[float, np.ndarray]]) -> list[tuple[float, np.ndarray]]:
    """As many of the pictures, from first to last, as are seen whole side by side: of wide ones fewer."""
    if not thumbnails:
        return []
    height, width = thumbnails[0][1].shape[:2]
    count = min(max(int(STRIP_WIDTH / (STRIP_HEIGHT * width / height)), 3), len(thumbnails))
    return [thumbnails[place] for place in np.linspace(0, len(thumbnails) - 1, count).round().astype(int)]


def _data(result: Mapping[str, Any]) -> dict[str, Any]:
    """What the page's script needs: no boxes, and windows by their track."""
    tracks = [
        dict(
            id=track['id'],
            label=track['label'],
            start=track['start'],
            end=track['end'],
            joined=track['joined'],
            spans=_spans(track),
            clip=track['clip'],
            windows=[
                dict((key, window[key]) for key in ('start', 'end', 'label', 'probabilities'))
                for window in track['windows']
            ],
        )
        for track in result['tracks']
    ]
    return dict(
        duration=result['duration'],
        classes=list(result['classes']),
        colours=class_colours(tuple(result['classes'])),
        tracks=tracks,
        no_face=result['no_face'],
    )


def _spans(track: Mapping[str, Any], gap: float = 0.5) -> list[list[float]]:
    """When a person is seen; the whole of a lane without boxes."""
    times = [frame[0] for frame in track['frames']]
    if not times:
        return [[track['start'], track['end']]]
    borders = [0, *(place for place in range(1, len(times)) if times[place] - times[place - 1] > gap), len(times)]
    spans = [[times[start], times[stop - 1]] for start, stop in zip(borders[:-1], borders[1:], strict=True)]
    spans[-1][1] = track['end']
    return spans


def _uri(image: np.ndarray) -> str:
    picture = Image.fromarray(np.ascontiguousarray(image))
    width = round(picture.width * THUMBNAIL_HEIGHT / picture.height)
    picture = picture.resize((min(max(width, 1), 8 * THUMBNAIL_HEIGHT), THUMBNAIL_HEIGHT))
    data = io.BytesIO()
    picture.save(data, format='JPEG', quality=80)
    return f'data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}'
