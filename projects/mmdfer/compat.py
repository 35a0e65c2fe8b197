"""Narrow mends that the released OpenMMLab wheels need on current PyTorch.

Every mend is one function. It first tests for the fault, returns ``False`` where upstream works, and
``True`` where it changed something, so that each can be tested both ways. :func:`install`, which ``import mmdfer``
calls before anything else, imports none of those libraries: each mend runs right after the module that it mends is
imported, by whomever, or at once if it has been.
"""
from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import io
import os
import pickle
import sys
import types
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from pathlib import Path
from typing import Any

from .files import whole_file
from .imports import after_import, around_import, explain_missing


def mend_torchvision_schemas(module: Any, execute: Callable[[], None]) -> bool:
    """Let a CUDA build of torchvision be imported beside a CPU build of torch.

    The package index carries one torchvision wheel a platform. Beside a CPU-only torch its compiled
    operators do not load, and the import dies at ``operator torchvision::nms does not exist``
    (pytorch/vision#9085). Only the schemas are missing: the operators themselves stay unavailable and
    say so when called, and nothing in this project calls them.

    Args:
        module: the new torchvision.
        execute: runs its code.
    """
    try:
        execute()
        return False
    except RuntimeError as error:
        if 'torchvision::nms' not in str(error):
            raise
    import torch
    for name in [name for name in sys.modules if name.startswith('torchvision.')]:
        del sys.modules[name]
    library = torch.library.Library('torchvision', 'FRAGMENT')
    library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    library.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    module._schemas_of_mmdfer = library         # a library takes its schemas away when it is collected
    execute()
    return True


def mend_missing_drn() -> bool:
    """Stand in for ``mmaction.models.localizers.drn``, which MMAction2's wheel lacks (open-mmlab/mmaction2#2714).

    Without it ``import mmaction.models`` fails. The stand-in ``DRN`` raises on construction and says how
    to get the real one.
    """
    name = 'mmaction.models.localizers.drn'
    origin = importlib.util.find_spec('mmaction').origin
    if name in sys.modules or (Path(origin).parent / 'models' / 'localizers' / 'drn').is_dir():
        return False

    class DRN:
        """Placeholder for the localizer that the mmaction2 1.2.0 wheel does not carry."""

        def __init__(self, *args, **kwargs):
            raise ImportError('DRN is missing from the mmaction2 1.2.0 wheel (open-mmlab/mmaction2#2714): install '
                              'mmaction2 from its source repository to use it')

    package: Any = types.ModuleType(name)
    module: Any = types.ModuleType(f'{name}.drn')
    package.__path__ = []
    module.DRN = package.DRN = DRN
    package.drn = module
    sys.modules[name], sys.modules[f'{name}.drn'] = package, module
    return True


def mend_multimodal_imports(library: str) -> bool:
    """Keep MMAction2's or MMPretrain's multimodal models out of the import.

    With transformers installed they import helpers that many of its versions lack (it fails with 4.40,
    4.57 and 5.x, where ``transformers.modeling_utils`` no longer carries them). Both libraries have a switch for a
    machine without transformers; this turns it, so that the text towers here may use any version.

    Args:
        library: ``'mmaction'`` or ``'mmpretrain'``.
    """
    module: Any = importlib.import_module(f'{library}.utils.dependency')
    # Their package asks for the switch as its first line: it may be half imported now, but nothing below it.
    if not module.WITH_MULTIMODAL or any(name.startswith(f'{library}.models.multimodal.') for name in sys.modules):
        return False
    module.WITH_MULTIMODAL = False
    return True


def mend_pkg_resources() -> bool:
    """Give mmengine ``is_installed`` and ``get_installed_path`` without ``pkg_resources``.

    setuptools 82 removed the module, and mmengine 0.10.7 needs it to resolve a config's
    ``_base_ = 'mmaction::...'``.
    """
    from mmengine import utils
    from mmengine.config import config as config_module
    from mmengine.utils import package_utils
    if (importlib.util.find_spec('pkg_resources') is not None
            or package_utils.is_installed.__module__ == __name__):
        return False

    def is_installed(package: str) -> bool:
        """Whether a distribution or an importable module of that name is there."""
        try:
            importlib.metadata.distribution(package)
            return True
        except importlib.metadata.PackageNotFoundError:
            spec = importlib.util.find_spec(package)
            return spec is not None and spec.origin is not None

    def get_installed_path(package: str) -> str:
        """The folder of an installed package, given its module or its distribution name."""
        names = [package]
        with suppress(importlib.metadata.PackageNotFoundError):      # a module on the path needs no distribution
            names += (importlib.metadata.distribution(package).read_text('top_level.txt') or '').split()
        for name in names:
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.origin is not None:
                return os.path.dirname(spec.origin)
        raise importlib.metadata.PackageNotFoundError(package)

    for module in (package_utils, utils, config_module):
        module.is_installed = is_installed
        module.get_installed_path = get_installed_path
    return True


def _needs_trust(value) -> bool:
    """Whether ``torch.load(weights_only=True)`` refuses ``value`` as torch saves it."""
    import torch
    buffer = io.BytesIO()
    torch.save(value, buffer)
    buffer.seek(0)
    try:
        torch.load(buffer, weights_only=True)
        return False
    except pickle.UnpicklingError:
        return True


def to_plain(value):
    """Copy nested dicts, lists and tuples with NumPy scalars and arrays as Python numbers and tensors."""
    import numpy as np
    import torch
    if isinstance(value, dict):
        return type(value)((key, to_plain(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)) and not hasattr(value, '_fields'):
        return type(value)(to_plain(item) for item in value)
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    return value.item() if isinstance(value, np.generic) else value


def mend_checkpoint_history() -> bool:
    """Write checkpoints that need no trust, and read them back.

    torch loads with ``weights_only=True`` since 2.6; mmengine 0.10.7's checkpoints hold ``HistoryBuffer``
    objects that pickle a bound ``getattr``, so that a run cannot resume from its own file
    (open-mmlab/mmengine#1655). Allowing ``getattr`` would open the loader to any file. Here the message
    hub's state holds plain tensors instead, and its loader turns them into buffers again.
    """
    from mmengine.logging import HistoryBuffer, MessageHub
    if hasattr(MessageHub.state_dict, '__wrapped__') or not _needs_trust(HistoryBuffer([1.0], [1])):
        return False
    save, load = MessageHub.state_dict, MessageHub.load_state_dict

    @wraps(save)
    def state_dict(self) -> dict:
        state = save(self)
        state['log_scalars'] = {
            key: dict(history=to_plain(buffer.data[0]), count=to_plain(buffer.data[1]), max_length=buffer.max_length)
            for key, buffer in state['log_scalars'].items()}
        return dict(state, runtime_info=to_plain(state['runtime_info']), resumed_keys=dict(state['resumed_keys']))

    @wraps(load)
    def load_state_dict(self, state_dict) -> None:
        if isinstance(state_dict, dict):
            scalars = {
                key: HistoryBuffer(item['history'].numpy(), item['count'].numpy(), item['max_length'])
                if isinstance(item, dict) else item for key, item in state_dict.get('log_scalars', {}).items()}
            state_dict = dict(state_dict, log_scalars=scalars)
        load(self, state_dict)

    MessageHub.state_dict, MessageHub.load_state_dict = state_dict, load_state_dict
    return True


def mend_atomic_writes() -> bool:
    """Write files whole or not at all.

    mmengine's local backend writes a checkpoint straight to its final name, so a run killed at that
    moment leaves half a file under it. The mended ``put`` writes beside and renames.
    """
    from mmengine.fileio.backends import LocalBackend
    if hasattr(LocalBackend.put, '__wrapped__'):
        return False
    write = LocalBackend.put

    @wraps(write)
    def put(self, obj, filepath) -> None:
        with whole_file(filepath) as beside:
            write(self, obj, beside)

    LocalBackend.put = put
    return True


def prepare_distributed_on_cpu(cfg) -> bool:
    """Make ``torchrun`` work on a machine without CUDA: gloo, and a wrapper without device ids.

    mmengine's ``pytorch`` launcher calls ``torch.cuda.set_device`` and hands DDP
    ``device_ids=[local_rank]``, which both fail there. Call before the runner is built; ``cfg`` is
    changed in place.
    """
    import torch
    if torch.cuda.is_available():
        return False
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
    # mmengine reads find_unused_parameters where it makes the wrapper itself, and there alone.
    wrapper = cfg.get('model_wrapper_cfg') or dict(type='MMDistributedDataParallel',
                                                   find_unused_parameters=cfg.get('find_unused_parameters', False))
    cfg.model_wrapper_cfg = dict(wrapper, device_ids=None)
    return True


def warn_about_two_mmcvs() -> bool:
    """Warn where both ``mmcv`` and ``mmcv-lite`` are installed: they share one folder and overwrite each other."""
    found = []
    for name in ('mmcv', 'mmcv-lite'):
        try:
            found.append(f'{name} {importlib.metadata.version(name)}')
        except importlib.metadata.PackageNotFoundError:
            continue
    if len(found) < 2:
        return False
    warnings.warn(f'{" and ".join(found)} are both installed and share one folder: uninstall both, then '
                  'install one of them again', stacklevel=2)
    return True


def install() -> None:
    """Have every mend done as soon as what it mends is imported; safe to call again."""
    explain_missing(
        'mmaction', 'MMAction2 is not there: pip install mmaction2==1.2.0; with --no-deps on machines that decord, '
        'which it asks for, has no wheel for (ARM)')
    around_import('torchvision', mend_torchvision_schemas)
    for mend in (mend_pkg_resources, mend_checkpoint_history, mend_atomic_writes):
        after_import('mmengine', mend)
    after_import('mmcv', warn_about_two_mmcvs)
    after_import('mmaction', mend_missing_drn)
    for library in ('mmaction', 'mmpretrain'):
        after_import(f'{library}.utils.dependency', partial(mend_multimodal_imports, library))
