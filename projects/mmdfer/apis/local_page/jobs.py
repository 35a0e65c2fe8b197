"""Videos that the page was given: each in a folder of its own, looked at one after the other, gone with its page."""
from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...datasets import BadClipError
from ...video.annotate import write_annotated
from ...video.editing import edited
from ...video.page import write_page
from ...video.recognise import Opened, open_source
from ...video.results import Result, write_result
from ...video.sources import find_sources
from ...video.stream import Settings
from ..inference import DFERInferencer

SILENT = 180.0                          # seconds without a word from its page, after which a video is forgotten
MOST = 8                                # videos at a time
STRIP = 14
DRAWING = 0.3                           # of the progress is drawing


class Gone(Exception):
    """The page was closed while its video was looked at."""


class Job:
    """One video: where it is, how far it is, what was found."""

    def __init__(self, folder: Path, name: str) -> None:
        self.id, self.name, self.folder = folder.name, name, folder
        self.state, self.progress, self.message = 'waiting', 0.0, ''
        self.heard = time.monotonic()
        self.gone = False
        self.opened: Opened | None = None
        self.first: Result | None = None        # as it was found
        self.result: Result | None = None       # as it is told

    @property
    def stem(self) -> Path:
        return self.folder / 'results' / 'video'

    def files(self) -> dict[str, Path]:
        """What can be had of it, by kind."""
        found = {kind: self.stem.with_name(f'video.{kind}') for kind in ('json', 'csv', 'mp4', 'html')}
        return {kind: path for kind, path in found.items() if self.state == 'done' and path.is_file()}

    def told(self) -> dict[str, Any]:
        """What the page shows."""
        people = [] if self.result is None else [
            dict(id=track['id'], label=track['label'], start=track['start'], end=track['end'],
                 expression=None if track['clip'] is None else track['clip']['label'])
            for track in self.result['tracks']]
        notes = [] if self.result is None else self.result['notes']
        return dict(id=self.id, name=self.name, state=self.state, progress=round(self.progress, 3),
                    message=self.message, people=people, notes=notes, files=sorted(self.files()))


class Jobs:
    """All videos of one server, in a folder that is gone when the server ends.

    Args:
        inferencer: looks at the videos.
        settings: how they are cut into windows.
    """

    def __init__(self, inferencer: DFERInferencer, settings: Settings) -> None:
        self.inferencer, self.settings = inferencer, settings
        self.root = Path(tempfile.mkdtemp(prefix='mmdfer-app-'))
        self._jobs: dict[str, Job] = {}
        self._guard, self._turn = threading.Lock(), threading.Lock()

    def add(self, name: str) -> Job:
        """A place for a video; its file goes to ``job.folder``.

        Raises:
            ValueError: for too many at a time.
        """
        self.forget_silent()
        with self._guard:
            if len(self._jobs) >= MOST:
                raise ValueError(f'{MOST} videos are being looked at: close one of their pages')
            folder = self.root / secrets.token_urlsafe(16)
            folder.mkdir(parents=True)
            job = self._jobs[folder.name] = Job(folder, name)
        return job

    def find(self, number: str) -> Job | None:
        """A video by its number; it counts as a word from its page."""
        with self._guard:
            job = self._jobs.get(number)
        if job is not None:
            job.heard = time.monotonic()
        return job

    def start(self, job: Job, path: Path) -> threading.Thread:
        """Look at a video in the background."""
        return self._run(job, lambda: self._look(job, path))

    def edit(self, job: Job, names: Mapping[int, str], merges: Mapping[int, int]) -> threading.Thread:
        """Tell a result with people renamed and merged, in the background; all changes since it was found at once.

        Raises:
            ValueError: for a change that cannot be, or a video that is not done.
        """
        if job.state != 'done' or job.first is None:
            raise ValueError('wait until the video was looked at')
        result = edited(job.first, names, merges)
        job.state, job.progress = 'drawing', 0.0
        return self._run(job, lambda: self._tell(job, result, 0.0))

    def forget(self, job: Job) -> None:
        """Remove a video and all that was made of it."""
        job.gone = True
        with self._guard:
            self._jobs.pop(job.id, None)
        shutil.rmtree(job.folder, ignore_errors=True)

    def forget_silent(self) -> None:
        """Remove those whose page has not been heard of for long."""
        with self._guard:
            silent = [job for job in self._jobs.values() if time.monotonic() - job.heard > SILENT]
        for job in silent:
            self.forget(job)

    def close(self) -> None:
        """Remove everything."""
        for job in list(self._jobs.values()):
            self.forget(job)
        shutil.rmtree(self.root, ignore_errors=True)

    def _run(self, job: Job, work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                with self._turn:                # one model, one video at a time
                    work()
                    job.state, job.progress = 'done', 1.0
            except Gone:
                job.state = 'gone'
            except (BadClipError, ValueError, OSError) as error:
                job.state, job.message = 'failed', str(error).replace(f'{job.folder}/', '')
            except Exception as error:          # the page must not wait for ever
                job.state, job.message = 'failed', f'{type(error).__name__}: {error}'
                raise
            finally:
                if job.gone:                    # what was written since
                    shutil.rmtree(job.folder, ignore_errors=True)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def _look(self, job: Job, path: Path) -> None:
        self._step(job, 'reading', 0.0)
        (source,) = find_sources([str(path)])
        job.opened = open_source(source)
        duration = max(job.opened.duration, 1e-3)
        job.first = self.inferencer.recognise(
            job.opened, self.settings,
            progress=lambda reached: self._step(job, 'reading', (1 - DRAWING) * min(reached / duration, 1)))
        job.first['video'] = job.first['name'] = job.name
        self._tell(job, job.first, 1 - DRAWING)

    def _tell(self, job: Job, result: Result, begin: float) -> None:
        opened = job.opened
        assert opened is not None
        duration = max(opened.duration, 1e-3)
        self._step(job, 'drawing', begin)
        job.stem.parent.mkdir(exist_ok=True)
        write_result(result, job.stem)
        write_annotated(opened.frames(), opened.times.tolist(), result, job.stem.with_suffix('.mp4'), opened.sound,
                        lambda time: self._step(job, 'drawing', begin + (1 - begin) * min(time / duration, 1)))
        write_page(result, opened.some(STRIP), job.stem.with_suffix('.html'), 'video.mp4')
        job.result = result

    def _step(self, job: Job, state: str, progress: float) -> None:
        if job.gone:
            raise Gone
        job.state, job.progress = state, progress
