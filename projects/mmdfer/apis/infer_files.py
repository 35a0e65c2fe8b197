"""Everything that some paths name, recognised, and its files written."""
from __future__ import annotations

import csv
import io
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets import BadClipError
from ..datasets.lists.texts import read_text
from ..files import make_folder, read_json, write_text
from ..video.recognise import Opened, open_source
from ..video.results import Result, write_result
from ..video.sources import Source, find_sources
from ..video.stream import Settings
from .inference import DFERInferencer

WHAT = ('json', 'csv', 'png', 'html', 'mp4')
STRIP = 14  # pictures of a film strip


def infer_all(
    inferencer: DFERInferencer,
    paths: str | Sequence[str],
    out: str,
    what: Sequence[str] = ('json', 'csv', 'png', 'html'),
    fps: float = 25.0,
    overwrite: bool = True,
    quiet: bool = False,
    smoothing: float | None = None,
    **settings: Any,
) -> list[Result]:
    """Recognise everything that some paths name, and write the results into a folder.

    Args:
        paths: videos, pictures, folders of frames, folders of any of these, patterns.
        out: made if it is missing; results are ``<name>.json`` and so on, see :func:`~mmdfer.video.sources.named`.
        what: of ``json``, ``csv``, ``png``, ``html`` and ``mp4`` (the annotated video).
        fps: frames a second of folders of frames.
        overwrite: do again what is there already, from the same file with the same settings, whole.
        quiet: show no progress.
        smoothing, settings: as in the inferencer's call.

    Returns:
        The results, in order.

    Raises:
        BadClipError: after all others are done, if some could not be read; it names them.
        KeyboardInterrupt: after what was done so far is written.
    """
    unknown = [one for one in what if one not in WHAT]
    if unknown:
        raise ValueError(f'--what {" ".join(unknown)}: choose from {", ".join(WHAT)}')
    results, bad = [], []
    folder, chosen = Path(out), Settings(batch_size=inferencer.batch_size, **settings)
    for source in find_sources([paths] if isinstance(paths, str) else list(paths)):
        stem = folder / source.name
        if not overwrite and _is_done(stem, source, inferencer, chosen, smoothing):
            print(f'{source.path}: done before, {stem}.json')
            continue
        try:
            opened = open_source(source, fps)
            with Progress(source.name, opened.duration, quiet) as bar:
                result = inferencer.recognise(opened, chosen, smoothing, bar)
        except BadClipError as error:
            bad.append(str(error))
            continue
        files = write_files(result, opened, stem, what)
        print(f'{source.path}: {in_words(result)} -> {", ".join(str(file) for file in files)}')
        results.append(result)
        if not result['complete']:
            raise KeyboardInterrupt
    if bad:
        raise BadClipError(f'{len(bad)} of {len(bad) + len(results)} inputs could not be read: {"; ".join(bad)}')
    return results


def write_files(result: Result, opened: Opened, stem: Path, what: Sequence[str]) -> list[Path]:
    """Write a result's files, and tell their paths."""

    def path(suffix: str) -> Path:
        return stem.with_name(f'{stem.name}.{suffix}')

    make_folder(stem.parent)
    files = [file for file in write_result(result, stem) if file.suffix[1:] in what]
    strip = opened.some(STRIP) if {'png', 'html'} & set(what) else []
    if 'mp4' in what:
        from ..video.annotate import write_annotated

        write_annotated(opened.frames(), opened.times.tolist(), result, path('mp4'), opened.sound)
        files.append(path('mp4'))
    if 'html' in what:
        from ..video.page import write_page

        write_page(result, strip, path('html'), path('mp4').name if 'mp4' in what else None)
        files.append(path('html'))
    if 'png' in what:
        from ..visualization.lanes import plot_lanes

        plot_lanes(result, path('png'), strip)
        files.append(path('png'))
    return files


def in_words(result: Mapping[str, Any]) -> str:
    """A line about a result."""
    if result['clip'] is None:
        return result['notes'][0].removesuffix('.') if result['notes'] else 'nobody is judged'
    told = [
        f'{track["label"]} {track["clip"]["label"]} ({max(track["clip"]["probabilities"]):.2f})'
        for track in result['tracks']
        if track['clip'] is not None
    ]
    whole = f'{result["clip"]["label"]} ({max(result["clip"]["probabilities"]):.2f})'
    people = '; '.join(told[:4]) + (f' and {len(told) - 4} more' if len(told) > 4 else '')
    where = f'{people}, ' if result['region'] == 'faces' and len(told) > 1 else ''
    region = 'faces' if result['region'] == 'faces' else 'whole frame; faces are not cropped'
    return f'{whole}, {where}{len(result["windows"])} windows over {result["duration"]:.1f} s, {region}'


def _is_done(
    stem: Path, source: Source, inferencer: DFERInferencer, settings: Settings, smoothing: float | None
) -> bool:
    """Whether a whole result of the same file, model and settings is there."""
    try:
        found = read_json(stem.with_name(f'{stem.name}.json'))
    except (FileNotFoundError, ValueError):
        return False
    same = dict(
        video=str(source.path),
        region=settings.region,
        complete=True,
        settings=dict(window=settings.window, stride=settings.stride, smoothing=smoothing),
    )
    return (
        all(found.get(key) == value for key, value in same.items())
        and (not settings.geometry or 'geometry' in found)
        and found.get('model', {}).get('name') == inferencer.model.name
        and found['model'].get('checkpoints') == [str(path) for path in inferencer.checkpoints]
    )


class Progress:
    """A line on the terminal: how far, how fast, how long still; nothing where stderr is no terminal."""

    def __init__(self, name: str, duration: float, quiet: bool = False) -> None:
        self.name, self.duration = name, duration
        self.shown = not quiet and sys.stderr.isatty()
        self.began = self.last = time.perf_counter()

    def __enter__(self) -> Progress:
        return self

    def __call__(self, reached: float) -> None:
        now = time.perf_counter()
        if self.shown and now - self.last > 0.5:
            self.last, spent = now, now - self.began
            speed = reached / max(spent, 1e-9)
            left = (self.duration - reached) / max(speed, 1e-9)
            print(
                f'\r{self.name}: {reached:.0f} of {self.duration:.0f} s, {speed:.1f} x as fast as it plays, '
                f'{left:.0f} s left ',
                end='',
                file=sys.stderr,
                flush=True,
            )

    def __exit__(self, *error: object) -> None:
        if self.shown:
            print('\r' + ' ' * 100 + '\r', end='', file=sys.stderr, flush=True)


def infer_list(
    inferencer: DFERInferencer, file: str, out: str, root: str = '', region: str = 'frame', fps: float = 25.0
) -> int:
    """Recognise an unlabelled list of clips as wholes; a CSV with a row a clip.

    Args:
        file: a path a line, of a video or folder of frames.
        out: the CSV: clip, label, a column a class.
        root: folder that the paths lie below.
        region: as in the inferencer's call; sets' clips are face crops, ``'frame'``.
        fps: of folders of frames.

    Returns:
        Number of clips.

    Raises:
        DatasetError: for a file that is missing or no text.
        ValueError: for an empty list.
        BadClipError: for a clip that cannot be read; it names the line.
    """
    lines = re.split('\r\n|\n|\r', read_text(file)[0])
    listed = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not listed:
        raise ValueError(f'{file}: lists no clip; expected a path a line')
    rows = []
    for number, line in listed:
        try:
            result = inferencer(str(Path(root) / line), window=1e6, stride=1e6, region=region, fps=fps)
        except BadClipError as error:
            raise BadClipError(f'{file}:{number}: {error}') from None
        clip = result['clip'] or dict(label='', probabilities=[''] * len(inferencer.classes))
        rows.append([line, clip['label'], *clip['probabilities']])
    write_text(_csv([['clip', 'label', *inferencer.classes], *rows]), out)
    return len(rows)


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return text.getvalue()
