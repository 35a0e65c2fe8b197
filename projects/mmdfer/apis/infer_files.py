"""Everything that some paths name, recognised, and its files written."""
from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets import BadClipError
from ..files import make_folder, read_json, whole_file
from ..video.recognise import Opened, open_source
from ..video.results import Result, write_result
from ..video.sources import Source, beside, find_sources, printable
from ..video.stream import Settings
from .inference import DFERInferencer

PICTURES = ('png', 'pdf', 'svg')
WHAT = ('json', 'csv', *PICTURES, 'html', 'mp4')
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
        what: of ``json``, ``csv``, ``html``, ``mp4`` (the annotated video), and ``png``, ``pdf`` and ``svg`` (a picture
            for a paper).
        fps: frames a second of folders of frames.
        overwrite: do again what is there already, from the same file with the same settings, whole.
        quiet: show no progress.
        smoothing, settings: as in the inferencer's call.

    Returns:
        The results, in order.

    Raises:
        BadClipError: after all others are done, if some could not be read; it names them.
        WriteError: before anything is read, for a folder that cannot be written to.
        KeyboardInterrupt: after what was done so far is written.
    """
    unknown = [one for one in what if one not in WHAT]
    if unknown:
        raise ValueError(f'--what {" ".join(unknown)}: choose from {", ".join(WHAT)}')
    results, bad = [], []
    folder, chosen = Path(out), Settings(batch_size=inferencer.batch_size, **settings)
    sources = find_sources([paths] if isinstance(paths, str) else list(paths))
    check_folder(folder, sources)
    for source in sources:
        stem, shown = beside(folder, source), printable(source.path)
        if not overwrite and _is_done(stem, source, inferencer, chosen, smoothing, what, fps):
            print(f'{shown}: done before, {printable(str(stem))}.json')
            continue
        try:
            opened = open_source(source, fps)
            with Progress(source.name, opened.duration, quiet) as bar:
                result = inferencer.recognise(opened, chosen, smoothing, bar)
        except BadClipError as error:
            bad.append(printable(str(error)))
            continue
        files = write_files(result, opened, stem, what)
        print(f'{shown}: {in_words(result)} -> {", ".join(printable(str(file)) for file in files)}')
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

    files = [file for file in write_result(result, stem) if file.suffix[1:] in what]
    strip = opened.some(STRIP) if {*PICTURES, 'html'} & set(what) else []
    if 'mp4' in what:
        from ..video.annotate import write_annotated

        times = [time for time in opened.times.tolist() if time <= result['read_until']]
        write_annotated(opened.frames(), times, result, path('mp4'), opened.sound)
        files.append(path('mp4'))
    if 'html' in what:
        from ..video.page import write_page

        write_page(result, strip, path('html'), path('mp4').name if 'mp4' in what else None)
        files.append(path('html'))
    for kind in (one for one in PICTURES if one in what):
        from ..visualization.lanes import plot_lanes

        plot_lanes(result, path(kind), strip)
        files.append(path(kind))
    return files


def check_folder(folder: Path, sources: Sequence[Source]) -> None:
    """Make the folder of the results, and try it: a mistake is told before hours of work, and not behind them.

    Raises:
        WriteError: for one that cannot be written to.
        ValueError: for one that holds the frames of a source, among which pictures would be taken for frames.
    """
    for source in sources:
        if source.kind == 'frames' and os.path.realpath(folder) == os.path.realpath(source.path):
            raise ValueError(f'--out {folder}: holds the frames that are read; give another folder for the results')
    make_folder(folder)
    with whole_file(folder / '.results', durable=False) as trial:
        trial.touch()
    (folder / '.results').unlink(missing_ok=True)


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
    count = len(result['windows'])
    windows = f'{count} window{"s" if count > 1 else ""}'
    return f'{whole}, {where}{windows} over {result["duration"]:.1f} s, {region}'


def _is_done(
    stem: Path,
    source: Source,
    inferencer: DFERInferencer,
    settings: Settings,
    smoothing: float | None,
    what: Sequence[str],
    fps: float,
) -> bool:
    """Whether all files of a whole result of the same source, model and settings are there, and younger than it."""
    files = [stem.with_name(f'{stem.name}.{kind}') for kind in dict.fromkeys(('json', *what))]
    try:
        found = read_json(files[0])
        if os.stat(source.path).st_mtime > min(os.stat(file).st_mtime for file in files):
            return False
    except (OSError, ValueError):
        return False
    if source.kind == 'frames' and abs(found.get('fps', 0) - fps) > 1e-3:
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
