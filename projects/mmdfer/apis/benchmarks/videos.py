"""Time and memory of recognising a video, at several lengths, and where the time goes."""
from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from ..running import peak_rss

PARTS = ('reading', 'faces', 'crops', 'model')


def run(args: argparse.Namespace) -> None:
    """Print a row a length, and the ratios of the longest to the shortest; each length has a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for minutes in sorted(args.minutes):
            path = Path(place, f'{minutes:g}_minutes.mp4')
            repeat(args.video, path, 60 * minutes)
            queue = multiprocessing.get_context('spawn').SimpleQueue()
            child = multiprocessing.get_context('spawn').Process(target=_measure, args=(str(path), vars(args), queue))
            child.start()
            child.join()
            if child.exitcode:
                raise ValueError(f'{args.video}: the measurement of {minutes:g} minutes ended with {child.exitcode}')
            rows.append(dict(minutes=minutes, **queue.get()))
            path.unlink()
    head = ('minutes', 'frames', 'seconds', 'CPU s', 'x real time', 'peak MiB', *(f'{part} %' for part in PARTS),
            'rest %')
    print(f'{" ".join(args.model or ["frame_fer"])} on {args.video}, repeated; {args.region}, {args.device}')
    for cells in (head, *map(_cells, rows)):
        print(''.join(f'{cell:>12}' for cell in cells))
    first, last = rows[0], rows[-1]
    found = dict(rows=rows)
    if len(rows) > 1:
        longer = last['duration'] / first['duration']
        found['time_over_length'] = last['seconds'] / first['seconds'] / longer
        found['cpu_over_length'] = last['cpu_seconds'] / first['cpu_seconds'] / longer
        found['more_mib'] = last['peak_mib'] - first['peak_mib']
        print(f'\nfrom {first["minutes"]:g} to {last["minutes"]:g} minutes: time grows {found["time_over_length"]:.3f} '
              f'times as fast as length, CPU time {found["cpu_over_length"]:.3f} times; memory by '
              f'{found["more_mib"]} MiB')
    if args.json:
        print(json.dumps(found))


def repeat(source: str | os.PathLike, target: str | os.PathLike, seconds: float) -> None:
    """Write a video's pictures over and over, as they are encoded, until they last ``seconds``.

    Raises:
        ValueError: for a file that is no video, or whose pictures cannot be put into another file.
    """
    try:
        with av.open(str(target), 'w') as out:
            written, stream, step = Fraction(0), None, 1
            while written < seconds:
                with av.open(str(source)) as given:
                    video = given.streams.video[0]
                    stream = stream or out.add_stream_from_template(video)
                    base = round(written / video.time_base)
                    packets = [packet for packet in given.demux(video) if packet.dts is not None]
                    start = min(packet.dts for packet in packets)
                    step = max(packet.duration or 1 for packet in packets)
                    for packet in packets:
                        packet.pts, packet.dts = packet.pts - start + base, packet.dts - start + base
                        packet.stream = stream
                        out.mux(packet)
                    last = max(packet.dts for packet in packets)
                    written = (last + step) * video.time_base
    except (av.FFmpegError, OSError, IndexError, TypeError) as error:
        raise ValueError(f'{source}: cannot be repeated ({error}); give an H.264 video in an .mp4 file') from None


def _measure(path: str, options: dict, queue) -> None:
    from ...video import stream as stream_module
    from ...video.recognise import open_source, recognise
    from ...video.sources import find_sources
    from ..inference import DFERInferencer
    config, checkpoint = [*(options['model'] or ['frame_fer']), None][:2]
    inferencer = DFERInferencer(config, checkpoint, options['device'], image_checkpoint=options['image_checkpoint'],
                                weights=options['weights'])
    seconds: dict[str, float] = defaultdict(float)
    settings = stream_module.Settings(region=options['region'])
    stream = stream_module.VideoStream(inferencer.model, settings)
    if options['region'] == 'faces':
        for name in ('find', 'is_face'):
            _timed(stream.detector, name, seconds, 'faces')
    _timed(inferencer.model, 'keep', seconds, 'crops')
    _timed(inferencer.model, 'score', seconds, 'model')
    began, computed = time.perf_counter(), time.process_time()
    opened = open_source(find_sources([path])[0])
    opened.shown = _timed_frames(opened.shown, seconds)                                 # type: ignore[method-assign]
    result = recognise(opened, inferencer.model, settings, stream)
    total = time.perf_counter() - began
    queue.put(dict(frames=len(opened), duration=opened.duration, seconds=total,
                   cpu_seconds=time.process_time() - computed, windows=len(result['windows']), peak_mib=peak_rss(),
                   parts={part: seconds[part] for part in PARTS}))


def _timed(owner: object, name: str, seconds: dict[str, float], part: str) -> None:
    method = getattr(owner, name)

    def timed(*args, **kwargs):
        began = time.perf_counter()
        try:
            return method(*args, **kwargs)
        finally:
            seconds[part] += time.perf_counter() - began

    setattr(owner, name, timed)


def _timed_frames(shown, seconds: dict[str, float]):
    def timed(settings) -> Iterator:
        frames = shown(settings)
        while True:
            began = time.perf_counter()
            frame = next(frames, None)
            seconds['reading'] += time.perf_counter() - began
            if frame is None:
                return
            yield frame

    return timed


def _cells(row: dict) -> list[str]:
    shares = [100 * row['parts'][part] / row['seconds'] for part in PARTS]
    return [f'{row["minutes"]:g}', str(row['frames']), f'{row["seconds"]:.1f}', f'{row["cpu_seconds"]:.1f}',
            f'{row["duration"] / row["seconds"]:.2f}', str(row['peak_mib']), *(f'{share:.0f}' for share in shares),
            f'{100 - sum(shares):.0f}']
