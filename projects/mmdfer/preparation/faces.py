"""Face maps of a whole set, by as many processes as there are cores, in as many sittings as it takes."""
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tqdm import tqdm

from ..datasets import BadClipError
from ..datasets.clip_frames import ClipFrames
from ..datasets.clips import natural_key
from ..face.alignment import write_crops
from ..face.store import NOTES, STATES, ClipFaces, FaceMapsError, read_meta, save_faces
from ..files import remove_partials, write_json
from ..workers import cores, in_processes
from .face_task import Task
from .set_clips import SetClip


@dataclass
class Report:
    """What a run over a set found; ``as_dict`` goes into ``report.json``."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(('frames', *STATES, *NOTES), 0))
    clips: int = 0
    without_face: list[str] = field(default_factory=list)
    notable: dict[str, dict[str, int]] = field(
        default_factory=lambda: {name: {} for name in ('missing', 'interpolated', *NOTES)})
    unreadable: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, counts: dict[str, int]) -> None:
        self.clips += 1
        for key, number in counts.items():
            self.counts[key] += number
        if counts['missing'] == counts['frames']:
            self.without_face.append(name)
        for key, clips in self.notable.items():
            if counts[key]:
                clips[name] = counts[key]

    def as_dict(self) -> dict:
        return dict(clips=self.clips, counts=self.counts, clips_without_face=sorted(self.without_face, key=natural_key),
                    frames_by_clip={key: dict(sorted(clips.items(), key=lambda item: natural_key(item[0])))
                                    for key, clips in self.notable.items()}, unreadable=self.unreadable)

    def lines(self) -> list[str]:
        """The counts in words, for the terminal."""
        counts, clips = self.counts, {key: len(names) for key, names in self.notable.items()}
        lines = [f'{self.clips} clips, {counts["frames"]} frames: {counts["found"]} with a face, '
                 f'{counts["interpolated"]} interpolated over short gaps, {counts["missing"]} without a face']
        words = dict(several='several faces (the main one was followed)', border='the face cut by the border',
                     tiny='a tiny face')
        lines += [f'  {counts[key]} frames in {clips[key]} clips with {text}' for key, text in words.items()
                  if counts[key]]
        if self.without_face:
            some = ', '.join(self.without_face[:5])
            lines.append(f'  {len(self.without_face)} clips without any face (such as {some}): their maps are black')
        return lines


def extract_faces(clips: Sequence[SetClip], out: Path, task: Task, workers: int | None = None,
                  overwrite: bool = False) -> dict:
    """Analyse the clips that have no maps yet, and write ``report.json`` over all of them.

    Each clip's file appears whole when the clip is done, so a run that was killed goes on where it was.

    Args:
        clips: what :mod:`~mmdfer.preparation.set_clips` found.
        out: folder of the report.
        task: what is kept, and which backend reads it.
        workers: processes; as many as cores by default, with 0 or 1 this one.
        overwrite: analyse clips again whose maps are of another version or backend.

    Returns:
        The report.

    Raises:
        FaceMapsError: if there are maps of another version or backend, and they are not to be overwritten.
        BadClipError: at the end, if some clips could not be read; it names them.
        WorkerDied: if a process was killed or crashed; it names the clip. The next run goes on behind it.
    """
    report, todo = Report(), []
    _remove_partials(clips)
    for clip in clips:
        counts = _done(clip, task, overwrite)
        if counts is None:
            todo.append(clip)
        else:
            report.add(clip.name, counts)
    if len(todo) < len(clips):
        print(f'{len(clips) - len(todo)} of {len(clips)} clips are done already')
    started, frames = time.perf_counter(), 0
    workers = max(1, min(cores() if workers is None else workers, len(todo)))
    outcomes = in_processes(partial(_analyse, task.crops), todo, workers, partial(_make_reader, task, task.kinds()))
    with closing(outcomes), tqdm(total=len(todo), unit='clip', desc=str(out), disable=not todo) as bar:
        for clip, outcome in zip(todo, outcomes):
            if isinstance(outcome, str):
                report.unreadable[clip.name] = outcome
            else:
                report.add(clip.name, outcome)
                frames += outcome['frames']
            bar.set_postfix_str(f'{frames / (time.perf_counter() - started):.0f} frames/s', refresh=False)
            bar.update()
    write_json(report.as_dict(), out / 'report.json')
    print('\n'.join(report.lines()))
    if frames:
        seconds = time.perf_counter() - started
        print(f'{frames} frames in {seconds:.1f} s by {workers} processes: {frames / seconds:.1f} frames/s')
    print(f'maps and report.json are in {out}')
    if report.unreadable:
        reasons = '; '.join(list(report.unreadable.values())[:3])
        raise BadClipError(f'{len(report.unreadable)} of {len(clips)} clips could not be read: {reasons}'
                           + ('; all are in report.json' if len(report.unreadable) > 3 else ''))
    return report.as_dict()


def _done(clip: SetClip, task: Task, overwrite: bool) -> dict[str, int] | None:
    """The counts of a clip whose maps are there already; ``None`` if it is to be analysed."""
    if not clip.maps.exists():
        return None
    try:
        meta = read_meta(clip.maps)
        for kind, backend in task.source().items():
            found = meta['source'].get(kind)
            if found is not None and not found.startswith(backend):
                raise FaceMapsError(
                    f'{clip.maps}: its {kind} came from {found}, not from {backend}; keep them apart by '
                    'another --out, or replace them by --overwrite')
    except FaceMapsError:
        if overwrite:
            return None
        raise
    counts = meta['counts']
    whole = set(task.what) <= set(meta['what'])
    if task.crops:
        whole = whole and (clip.crops.is_dir() or counts['missing'] == counts['frames'])
    return counts if whole else None


def _remove_partials(clips: Sequence[SetClip]) -> None:
    """Take away the files and folders that an earlier run, killed, left half-written."""
    for folder in {target.parent for clip in clips for target in (clip.maps, clip.crops)}:
        remove_partials(folder)


def _make_reader(task: Task, kinds: Sequence[type]) -> Callable[[SetClip], ClipFaces]:
    """Reads the faces of a clip; a new process knows a user's own ``kinds`` of parts by having been given them."""
    finder, parser = task.build()
    return lambda clip: finder.read(clip.name, ClipFrames(clip.path), task.what, parser)


def _analyse(crops: bool, reader: Callable[[SetClip], ClipFaces], clip: SetClip) -> dict[str, int] | str:
    """The counts of a clip, or why it could not be read."""
    try:
        faces = reader(clip)
        if crops:
            write_crops(ClipFrames(clip.path), faces, clip.crops)
    except (BadClipError, FaceMapsError) as error:
        return str(error)
    save_faces(faces, clip.maps)
    return faces.counts()
