"""What a script calls: train, test and count a config by its name, with the options of the commands as keywords."""
from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from ..names import nearest
from . import options as command_options

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner


class RunOptions(TypedDict, total=False):
    """Options of a run over a data set, those of ``mmdfer test``.

    ``data_root``: folder of the data set. ``fold``, ``scene``: of sets that have them. ``packed``: a pack of the clips.
    ``allow_seen``: test on clips that the model was trained on too, which the results tell. ``work_dir``: where logs
    and results go. ``image_checkpoint``: image ViT or CLIP model that the towers start from;
    ``long_clip_checkpoint``: the one for long texts. ``class_texts``: a file of texts of the classes.
    ``trust_checkpoint``: read torch files that run code; ``ema``: the averaged weights of files that hold both.
    ``workers``: of each loader. ``cfg_options``: entries of the config by dotted key. ``launcher``: how the processes
    were started.
    """
    data_root: str | os.PathLike[str] | None
    fold: int | None
    scene: str | None
    packed: str | os.PathLike[str] | None
    allow_seen: bool
    work_dir: str | os.PathLike[str] | None
    image_checkpoint: str | os.PathLike[str] | None
    long_clip_checkpoint: str | os.PathLike[str] | None
    class_texts: str | os.PathLike[str] | None
    trust_checkpoint: bool
    ema: bool
    cfg_options: dict[str, Any] | None
    launcher: str
    workers: int | None


class TrainOptions(RunOptions, total=False):
    """Options of a training, those of ``mmdfer train``.

    ``resume``: ``'auto'`` to go on from the work directory's last checkpoint, or a checkpoint. ``seed``;
    ``deterministic``: deterministic kernels. ``inner_val``: choose the epoch on this share of the training clips.
    ``skip_bad_clips``: train past unreadable clips. ``amp``: mixed precision. ``fsdp``: spread every weight over the
    processes. ``random_backbone``: frozen towers that no file is given for are meant to be random.
    ``track``: experiment trackers to log to too, ``mlflow``, ``wandb`` or ``tensorboard``.
    """
    resume: str | None
    seed: int | None
    deterministic: bool
    inner_val: float | None
    skip_bad_clips: bool
    amp: bool
    fsdp: bool
    random_backbone: bool
    track: Sequence[str] | None


def train(config: str | os.PathLike[str] | Config, name: str | None = None, report: bool = False,
          **options: Unpack[TrainOptions]) -> Runner:
    """Train a config, as ``mmdfer train`` does.

    Args:
        config: its name, its path, or the config itself, which is not changed.
        name: the run's name in tables. Defaults to the config's.
        report: leave ``report.html`` in the work directory too.
        **options: see :class:`TrainOptions`.

    Returns:
        The runner after the training; ``runner.work_dir`` holds checkpoints, curves, predictions and ``result.json``.

    Raises:
        ValueError: for an option that does not exist, a config or data that do not fit.

    Example::

        >>> import mmdfer
        >>> runner = mmdfer.train('demo/fe_adapter', data_root='data/demo', fold=1, image_checkpoint='image.pth',
        ...                       seed=0, work_dir='work_dirs/example',
        ...                       cfg_options={'train_cfg.max_epochs': 1})
        >>> runner.epoch
        1
    """
    from .running import train_run
    cfg = command_options.train_config(arguments(config, dict(options), train=True))
    runner, result = train_run(cfg, name)
    if result and report:
        from ..runs.report import leave_report
        leave_report(cfg.work_dir)
    return runner


def test(config: str | os.PathLike[str] | Config, checkpoint: str | os.PathLike[str] | None = None,
         out: str | os.PathLike[str] | None = None, **options: Unpack[RunOptions]) -> dict[str, float]:
    """Evaluate a checkpoint on the test set of a config, as ``mmdfer test`` does.

    Args:
        config: its name, its path, or the config itself; the one that the checkpoint was trained with.
        checkpoint: full checkpoint or tunable file; ``None`` for a model that needs no training.
        out: folder of metrics and pictures. Defaults to ``<work dir>/test``.
        **options: see :class:`RunOptions`.

    Returns:
        The metrics: ``uar``, ``war``, ``recall/<class>``.

    Raises:
        ValueError: for an option that does not exist, a config, a checkpoint or data that do not fit.

    Example::

        >>> import mmdfer
        >>> metrics = mmdfer.test('demo/fe_adapter', 'work_dirs/example/epoch_1.pth', data_root='data/demo', fold=1,
        ...                       work_dir='work_dirs/example')
        >>> 0 <= metrics['uar'] <= 1
        True
    """
    from . import running
    cfg = command_options.run_config(arguments(config, dict(options), train=False))
    return running.test(cfg, None if checkpoint is None else os.fspath(checkpoint),
                        None if out is None else os.fspath(out))


def count_parameters(config: str | os.PathLike[str] | Config, full: bool = False,
                     cfg_options: dict[str, Any] | None = None) -> dict[str, Any]:
    """Count the parameters of a config's model, as ``mmdfer count`` does; it needs no data and no weights.

    Args:
        config: its name, its path, or the config itself.
        full: FLOPs and activation memory of one clip too.
        cfg_options: entries of the config by dotted key.

    Returns:
        ``tunable``, ``tunable_adapters``, ``total`` and ``modules``, and with ``full`` ``input``, ``flops`` and
        ``activation_bytes``.

    Example::

        >>> import mmdfer
        >>> counted = mmdfer.count_parameters('fe_adapter_vitb_dfew')
        >>> f'{counted["tunable"] / 1e6:.2f} M'
        '6.63 M'
    """
    from .counting import count_config
    return count_config(command_options.read(config, cfg_options), full)


def arguments(config: str | os.PathLike[str] | Config, given: dict[str, Any], train: bool) -> argparse.Namespace:
    """What a command would have parsed: the options given, and the defaults of the others.

    Raises:
        ValueError: for an option that does not exist.
    """
    parser = argparse.ArgumentParser(add_help=False)
    add = command_options.add_train_options if train else command_options.add_run_options
    add(parser)
    args = parser.parse_args([])
    known = (TrainOptions if train else RunOptions).__annotations__
    for option, value in given.items():
        if option not in known:
            raise ValueError(f'there is no option {option!r}; {nearest(option, known)}')
        setattr(args, option, os.fspath(value) if isinstance(value, os.PathLike) else value)
    args.config = config
    return args
