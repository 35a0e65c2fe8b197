"""The options that the tools share, and the config they make."""
from __future__ import annotations

import argparse
import copy
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .launching import add_launch_options

if TYPE_CHECKING:
    from mmengine.config import Config

CONFIG_HELP = 'config: its name or its path'
SET_HELP = 'data set: dfew, ferv39k, mafw, ..., MODULE.CLASS of your own, or a config that trains on it'
CHECKPOINT_HELP = 'full checkpoint (.pth), or the tunable part alone (.safetensors)'


class ConfigOptions(argparse.Action):
    """mmengine's ``DictAction``, by which values are read (:func:`mmdfer.shell_words.read_value`)."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: str | Sequence | None,
                 option_string: str | None = None) -> None:
        from ..shell_words import read_value
        unfit = [value for value in values or () if '=' not in value]
        if unfit:
            parser.error(f'{option_string} {unfit[0]}: expected key=value')
        pairs = [value.split('=', 1) for value in values or ()]
        try:
            read = {key: read_value(text) for key, text in pairs}
        except ValueError as error:
            parser.error(f'{option_string}: {error}')
        setattr(namespace, self.dest, dict(getattr(namespace, self.dest, None) or {}, **read))


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """``--cfg-options``, for every tool that reads a config."""
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='entries of the config')


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Options of every tool that builds a model from a config."""
    parser.add_argument('--image-checkpoint', '--clip-checkpoint', dest='image_checkpoint',
                        help='image ViT, CLIP model or video encoder to start from (file or folder); {image_set} in '
                        "the path stands for the config's")
    parser.add_argument('--long-clip-checkpoint', help='Long-CLIP model for the text towers of long texts')
    parser.add_argument('--class-texts', metavar='FILE',
                        help='texts of the classes, whole, in place of the config\'s: YAML or JSON by class name')
    _add_reading_options(parser)
    add_config_options(parser)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Options of the tools that run over a data set, beside those of :func:`add_model_options`."""
    add_model_options(parser)
    parser.add_argument('--data-root', help="folder of the data set, instead of the config's")
    parser.add_argument('--packed', help='read the clips from this pack, made by mmdfer pack')
    parser.add_argument('--fold', type=int, help='fold, for sets that have folds')
    parser.add_argument('--scene', help='scene, for sets that have scenes [all]')
    parser.add_argument('--workers', type=int, metavar='N',
                        help="processes that read the clips for each loader [the config's]; 0 for none")
    parser.add_argument('--allow-seen', action='store_true',
                        help='test on clips that the model was trained on too; the results say so')
    parser.add_argument('--work-dir', help='where logs and checkpoints go [work_dirs/<config>/fold_<n>]')


def add_convert_options(parser: argparse.ArgumentParser, source: str) -> None:
    """Files and options of every tool that converts a checkpoint; ``source`` says what it reads."""
    parser.add_argument('source', metavar='IN', help=source)
    parser.add_argument('target', metavar='OUT', help='file to write, ending in .safetensors')
    parser.add_argument('--force', action='store_true', help='write over existing files')
    _add_reading_options(parser)


def _add_reading_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--ema', action='store_true',
                        help='of weight files that hold both, take the averaged (EMA) weights')
    parser.add_argument('--trust-checkpoint', action='store_true',
                        help='read torch files that run code; know the source')


def apply_reading_options(args: argparse.Namespace) -> None:
    """Let weight files be read as ``--ema`` and ``--trust-checkpoint`` ask, by this process and those it starts."""
    from ..weights import EMA_VARIABLE, TRUST_VARIABLE
    if args.ema:
        os.environ[EMA_VARIABLE] = '1'
    if args.trust_checkpoint:
        os.environ[TRUST_VARIABLE] = '1'


def read(config: str | os.PathLike[str] | Config, cfg_options: dict[str, Any] | None = None) -> Config:
    """A config by its name or path, or a copy of one that has been read, with entries of ``cfg_options`` set."""
    from mmengine.config import Config

    from .. import run_config
    if not isinstance(config, Config):
        return run_config.load_config(config, cfg_options)
    cfg = copy.deepcopy(config)
    cfg.merge_from_dict(cfg_options or {})
    return cfg


def model_config(args: argparse.Namespace) -> Config:
    """The config under the options of :func:`add_model_options`."""
    from .. import run_texts, run_towers
    apply_reading_options(args)
    cfg = read(args.config, args.cfg_options)
    run_towers.set_image_checkpoint(cfg, args.image_checkpoint)
    run_towers.set_long_clip_checkpoint(cfg, args.long_clip_checkpoint)
    run_texts.set_class_texts(cfg, args.class_texts)
    return cfg


def run_config(args: argparse.Namespace, skip_bad_clips: bool = False) -> Config:
    """The config under the options of :func:`add_run_options`."""
    from .. import run_config as config
    cfg = model_config(args)
    cfg.launcher = getattr(args, 'launcher', 'none')
    if args.allow_seen:
        cfg.allow_seen = True
    config.set_data(cfg, args.data_root, args.fold, skip_bad_clips, args.packed, args.scene)
    if args.workers is not None:
        from ..engine import set_workers
        set_workers(cfg, args.workers)
    config.set_work_dir(cfg, args.config if isinstance(args.config, (str, os.PathLike)) else 'run', args.work_dir)
    return cfg


def add_train_options(parser: argparse.ArgumentParser) -> None:
    """Options of training, beside those of :func:`add_run_options`."""
    add_run_options(parser)
    add_launch_options(parser)
    parser.add_argument('--resume', nargs='?', const='auto',
                        help="go on from a checkpoint, or from the work dir's last")
    parser.add_argument('--skip-bad-clips', action='store_true', help='train past unreadable clips and report them')
    parser.add_argument('--inner-val', type=float, nargs='?', const=0.1, metavar='SHARE',
                        help='choose the epoch on this share of the training clips [0.1], and test it once')
    parser.add_argument('--random-backbone', action='store_true',
                        help='frozen towers that no file is given for are meant to have random weights')
    parser.add_argument('--amp', action='store_true', help='mixed precision (CUDA)')
    parser.add_argument('--fsdp', action='store_true', help='spread every weight over the processes (large backbones)')
    parser.add_argument('--seed', type=int, help='seed of the run')
    parser.add_argument('--deterministic', action='store_true', help='deterministic kernels')
    parser.add_argument('--name', help="the run's name in tables [the config's]")
    parser.add_argument('--track', nargs='+', metavar='NAME',
                        help='log to experiment trackers too: mlflow, wandb, tensorboard')
    parser.add_argument('--no-report', action='store_true', help='leave no report.html, report.md and report.json')


def train_config(args: argparse.Namespace) -> Config:
    """The config under the options of :func:`add_train_options`."""
    from .. import run_config as config
    cfg = run_config(args, args.skip_bad_clips)
    config.set_inner(cfg, args.inner_val)
    config.set_resume(cfg, args.resume)
    config.set_randomness(cfg, args.seed, args.deterministic)
    if args.random_backbone:
        from ..engine import allow_random_towers
        allow_random_towers(cfg)
    if args.track:
        from ..engine import track
        track(cfg, args.track)
    if args.amp:
        config.use_amp(cfg)
    if args.fsdp or cfg.get('strategy'):
        config.use_fsdp(cfg)
    return cfg
