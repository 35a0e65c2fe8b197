"""A run's config: read from a file, then set by the options that every tool shares."""
from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterator, Sequence
from inspect import signature
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.fileio import list_from_file
from mmengine.logging import print_log
from mmengine.runner import Runner

from .config_reading import BESIDE, RECIPE, RECIPES, apply_recipe, place_beside_frames, read_config
from .datasets import DatasetError, DFERDataset, ListedDataset
from .datasets.inner_split import check_inner
from .names import nearest
from .registry import DATASETS

# What a run, and its runner beside the arguments of its own, reads of a config.
OF_RUN = ('allow_seen', 'fresh_classes', 'run_classes')
OF_RUNNER = ('activation_checkpointing', 'compile', 'efficient_conv_bn_eval', 'find_unused_parameters',
             'model_wrapper_cfg', 'runner_type', 'strategy', 'sync_bn')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def load_config(path: str | os.PathLike, options: dict | None = None) -> Config:
    """Read a config, merge ``key=value`` options into it, and fill in the classes of its data.

    Args:
        path: a config file; or the name of one of the toolbox's: its path below ``configs`` without ``.py``, its bare
            stem, or ``paper/row[@set]`` for a row of a paper's table (:mod:`mmdfer.config_rows`).
        options: entries by dotted key.

    Raises:
        ValueError: for a file that is missing or no config, an unknown name, an option of nothing, or a config that
            disagrees with itself about its classes.
    """
    return complete_config(read_config(path), options)


def complete_config(cfg: Config, options: dict | None = None) -> Config:
    """What :func:`load_config` makes of a config that is read: parts in place, options merged, classes filled in."""
    options = dict(options or {})
    before = {key: options.pop(key) for key in list(options) if key.partition('.')[0] in (BESIDE, RECIPE, RECIPES)}
    if before:
        cfg.merge_from_dict(before)
    apply_recipe(cfg)
    place_beside_frames(cfg)
    if options:
        _check_options(cfg, options)
        cfg.merge_from_dict(options)
    flow_classes(cfg)
    return cfg


def flow_classes(cfg: Config, classes: Sequence[str] | None = None) -> tuple[str, ...] | None:
    """Give a config's model the classes of its data: those of the training set, of the test set without training.

    They are kept as ``run_classes``. Wherever the config leaves them out, ``num_classes`` of heads, mixing and
    preprocessing, ``classes`` of texts, and what a metric cannot do without are filled in; where it gives them, they
    must agree, but for the order of texts, which are brought into that of the data. What an earlier call filled in
    follows when the data change. Everything that builds from a config goes through here.

    Args:
        cfg: a run's config.
        classes: those to take where neither the data nor the config names any, such as a checkpoint's.

    Returns:
        The classes in their order; ``None`` where nothing names them.

    Raises:
        ValueError: for data sets, heads, texts or metrics that disagree; it names both sides.
    """
    from .class_flow import flow
    return flow(cfg, classes)


def _check_options(cfg: Config, options: dict) -> None:
    known = {*cfg, *OF_RUN, *OF_RUNNER, *signature(Runner.__init__).parameters}
    for key in options:
        first = key.partition('.')[0]
        if first not in known:
            raise ValueError(f'{key}: the config has no {first!r}, and a run reads none; {nearest(first, known)}')


def dataset_configs(cfg: Config, loaders: Sequence[str] = LOADERS) -> Iterator[ConfigDict]:
    """Configs of the data sets in the loaders, below wrappers such as ``RepeatDataset``."""
    pending = [cfg[name].dataset for name in loaders if cfg.get(name)]
    while pending:
        dataset = pending.pop(0)
        inner = dataset.get('datasets') or ([dataset.dataset] if dataset.get('dataset') is not None
                                            and not isinstance(dataset.dataset, str) else None)
        if inner:
            pending.extend(inner)
        else:
            yield dataset


def dataset_classes(dataset: ConfigDict) -> Sequence[str] | None:
    """Class names of a data set's config, if its class, its ``metainfo`` or the folders of its data name them."""
    kind = DATASETS.get(dataset.type)
    metainfo = dict(getattr(kind, 'METAINFO', {}), **(dataset.get('metainfo') or {}))
    classes = metainfo.get('classes')
    if isinstance(classes, str):                                # a file of names, as mmengine reads it
        return list_from_file(classes) if os.path.isfile(classes) else None
    if classes is None and hasattr(kind, 'classes_on_disk'):
        return kind.classes_on_disk(dataset.get('data_root', ''))
    return classes


def set_data(cfg: Config, data_root: str | None = None, fold: int | None = None, skip_bad_clips: bool = False,
             packed: str | None = None, scene: str | None = None) -> None:
    """Point every data set of a config to a folder, a fold or scene, and a pack of its clips.

    Raises:
        DatasetError: if the data root is missing, or the config's sets have no folds or scenes or read no packs.
    """
    for dataset in dataset_configs(cfg):
        if data_root is not None:
            dataset.data_root = data_root
        for name, value in (('fold', fold), ('scene', scene)):
            if value is None:
                continue
            if name not in dataset and not (name == 'fold' and folds_of(dataset)):
                raise DatasetError(f'--{name} {value}: {dataset.type} has no {name}s')
            dataset[name] = value
        if packed is not None:
            if not issubclass(DATASETS.get(dataset.type), DFERDataset):
                raise DatasetError(f'--packed {packed}: {dataset.type} reads no packs')
            dataset.packed = os.path.abspath(packed)
        if skip_bad_clips and not dataset.get('test_mode', False):
            dataset.skip_bad_clips = True
        root = dataset.get('data_root', '')
        if root and not os.path.isdir(root):
            raise DatasetError(f'data_root={root!r}: no such folder; give the folder of the data set with --data-root')


def allow_seen_clips(cfg: Config) -> None:
    """Where a config says ``allow_seen=True``, let its lists share clips too; what a test shares, its result tells."""
    for dataset in dataset_configs(cfg) if cfg.get('allow_seen') else ():
        if issubclass(DATASETS.get(dataset.type), ListedDataset):
            dataset.check_leaks = False


def folds_of(dataset: ConfigDict) -> tuple[int, ...]:
    """The folds of a data set's class, such as 1 to 5; none for a set with one split."""
    return tuple(getattr(DATASETS.get(dataset.type), 'FOLDS', ()))


def current_fold(cfg: Config) -> int | None:
    """The fold that a config's training or test data is of, if its set has folds; without a word of it, the first."""
    found = (dataset.get('fold') or next(iter(folds_of(dataset)), None) for dataset in dataset_configs(cfg))
    return next((fold for fold in found if fold is not None), None)


def set_folds(cfg: Config) -> tuple[int, ...]:
    """The folds of the config's set, such as 1 to 5; none for a set with one split."""
    return next((folds_of(dataset) for dataset in dataset_configs(cfg)), ())


def set_inner(cfg: Config, share: float | None) -> None:
    """Validate on a part of the training clips, which is then not trained on, instead of on the test set.

    Args:
        cfg: a run's config.
        share: of each class, in (0, 1); ``None`` to leave the config as it is.

    Raises:
        DatasetError: for a training set that is no single :class:`DFERDataset`.
    """
    if share is None:
        return
    found = list(dataset_configs(cfg, ('train_dataloader', )))
    if len(found) != 1 or not issubclass(DATASETS.get(found[0].type), DFERDataset):
        raise DatasetError(f'--inner-val {share}: wants one training set of clips to split; the config has '
                           f'{", ".join(one.type for one in found)}')
    check_inner('val', share)
    train, = found
    val = copy.deepcopy(train)
    for key in ('skip_bad_clips', 'indices'):
        val.pop(key, None)
    for part, dataset in (('train', train), ('val', val)):
        dataset.update(inner=part, inner_share=share)
    val.update(pipeline=copy.deepcopy(cfg.val_dataloader.dataset.pipeline), test_mode=True)
    cfg.val_dataloader = dict(copy.deepcopy(cfg.val_dataloader), dataset=val)


def inner_share(cfg: Config) -> float | None:
    """The share of the training clips that a config validates on, if it does not validate on the test set."""
    return next((one.inner_share for one in dataset_configs(cfg, ('val_dataloader', )) if one.get('inner')), None)


def set_work_dir(cfg: Config, config_path: str | os.PathLike, work_dir: str | None = None) -> None:
    """``work_dir`` if given, else the config's own, else ``work_dirs/<config stem>[/fold_<n>]`` or ``[/<scene>]``.

    Args:
        cfg: a run's config, as :func:`load_config` gives it.
        config_path: names the folder of a config that no file was read for.
        work_dir: the folder.
    """
    if work_dir is None and cfg.get('work_dir') is None:
        fold = current_fold(cfg)
        scene = next((dataset.scene for dataset in dataset_configs(cfg) if dataset.get('scene')), None)
        part = f'fold_{fold}' if fold is not None else scene or ''
        work_dir = str(Path('work_dirs') / Path(cfg.filename or config_path).stem / part)
    if work_dir is not None:
        cfg.work_dir = work_dir


def use_amp(cfg: Config) -> None:
    """Train in mixed precision; without CUDA go on in float32 and say so."""
    import torch
    if not torch.cuda.is_available():
        print_log('--amp: no CUDA device here, training goes on in float32', logger='current', level=logging.WARNING)
        return
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def use_fsdp(cfg: Config) -> None:
    """Spread every weight over the processes, by mmengine's ``FlexibleRunner``.

    Raises:
        ValueError: without several processes to spread over, or with averages, which need whole weights.
    """
    if cfg.get('launcher', 'none') == 'none':
        raise ValueError('--fsdp: spreads the weights over several processes; start them by mmdfer train '
                         'CONFIG --gpus N --fsdp')
    hooks = [*cfg.get('default_hooks', {}).values(), *cfg.get('custom_hooks', [])]
    averaging = [hook.type for hook in hooks if hook and hook.type in ('TunableEMAHook', 'TunableSWAHook', 'EMAHook')]
    if averaging:
        raise ValueError(f'--fsdp: {averaging[0]} averages whole weights, of which a process has parts; leave one '
                         'out')
    cfg.runner_type = 'FlexibleRunner'
    cfg.setdefault('strategy', dict(type='BlockFSDPStrategy'))


def set_resume(cfg: Config, resume: str | None) -> None:
    """Go on from a checkpoint file, or with ``'auto'`` from the work directory's last one, if there is any.

    Raises:
        ValueError: if the named file is missing.
    """
    if resume is None:
        return
    cfg.resume = True
    if resume == 'auto':
        cfg.load_from = None
    elif not os.path.isfile(resume):
        raise ValueError(f'--resume {resume}: no such checkpoint')
    else:
        cfg.load_from = resume


def set_randomness(cfg: Config, seed: int | None = None, deterministic: bool = False) -> None:
    """Set the run's seed, and ask for deterministic kernels."""
    randomness = dict(cfg.get('randomness') or {})
    if seed is not None:
        randomness['seed'] = seed
    if deterministic:
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')       # cuBLAS wants it said before it starts
        randomness['deterministic'] = True
    cfg.randomness = randomness
