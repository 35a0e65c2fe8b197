"""What a config's model costs: its parameters, and for one clip the FLOPs and what a training step keeps."""
from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch
from mmaction.models.recognizers.base import BaseRecognizer
from mmengine.config import Config
from mmengine.logging import MMLogger, print_log
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from ..backbones.freezing import count_parameters
from ..backbones.s2d.landmarks import RANDOM
from ..run_config import flow_classes
from ..weights import added
from .flops import flop_counter


def count_config(cfg: Config, full: bool = False) -> dict:
    """Build a config's model without data or weights and count it.

    Args:
        cfg: any config with a ``model`` of MMAction2's, MMPretrain's or this project's.
        full: run one clip through it as well, see :func:`measure_clip`.

    Returns:
        What :func:`count_model` returns, and with ``full`` what :func:`measure_clip` does.

    Raises:
        ValueError: if the config has no model or, with ``full``, its input size cannot be told.
    """
    if 'model' not in cfg:
        raise ValueError(f'{cfg.filename}: has no model to count')
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    flow_classes(cfg)
    model_cfg = without_weights(cfg.model)
    model = build_shapes(model_cfg)
    model.train()                                               # some backbones freeze their stages here
    report = count_model(model)
    if full:
        shape = clip_shape(cfg)
        try:
            with FakeTensorMode(allow_non_fake_inputs=True):    # shapes without values: quick, and no memory
                report.update(measure_clip(model.to_empty(device='cpu'), shape))
        except (RuntimeError, NotImplementedError) as error:    # its forward looks at values
            print_log(f'running the model itself, since shapes alone do not do: {error}', logger='current')
            report.update(measure_clip(MODELS.build(model_cfg), shape))
    return report


def without_weights(model: Any) -> Any:
    """A model's config that names no checkpoint; some constructors would read it."""
    if isinstance(model, (list, tuple)):
        return type(model)(without_weights(item) for item in model)
    if not isinstance(model, dict):
        return model
    if model.get('type') == 'S2DViT' and model.get('landmarks') is not None:
        model = dict(model, landmarks=dict(checkpoint=RANDOM))
    return {key: None if key == 'pretrained' and isinstance(value, str) else without_weights(value)
            for key, value in model.items()
            if not (key == 'init_cfg' and isinstance(value, dict) and value.get('type') == 'Pretrained')}


def build_shapes(model_cfg: dict) -> nn.Module:
    """Build a model without values on the ``meta`` device, or, if its constructor reads values, without starting them.

    A prompt learner reads the tokens of its texts. Memory that is not written to takes no room, so that even then a
    large model is there in a second.
    """
    model_cfg = without_weights(model_cfg)
    try:
        with torch.device('meta'), no_initialisers():           # which take most of the time there
            return MODELS.build(copy.deepcopy(model_cfg))       # MMAction2's RandomBatchAugment adds to its config
    except (RuntimeError, NotImplementedError):
        with no_initialisers():
            return MODELS.build(copy.deepcopy(model_cfg))


@contextmanager
def no_initialisers() -> Iterator[None]:
    """Let the functions of ``torch.nn.init`` leave tensors as they are."""
    names = [name for name in dir(nn.init) if name.endswith('_') and not name.startswith('_')]
    kept = {name: getattr(nn.init, name) for name in names}
    for name in names:
        setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(nn.init, name, function)


def count_model(model: nn.Module) -> dict:
    """Parameters of a model; a shared one counts once.

    Returns:
        ``tunable``, ``tunable_adapters`` (adapters, LoRA, stages), ``total``, and ``modules``: ``tunable`` and
        ``total`` of each top-level module and, as ``<module>.adapters.<name>`` and the like, of the additions of each
        name, which that row includes. ``unread``: parameters of adapters whose gradient is zero: nothing reads theirs.
    """
    modules: dict[str, dict[str, int]] = {}
    tunable, total = count_parameters(model)
    tunable_adapters = 0
    for name, parameter in model.named_parameters():
        rows, addition = [name.split('.')[0]], added(name)
        if addition is not None and addition.kind in ('adapters', 'lora', 'stages'):
            top = rows[0] if rows[0] not in addition else ''
            rows.append('.'.join(filter(None, (top, *addition))))
            tunable_adapters += parameter.numel() * parameter.requires_grad
        for row in rows:
            entry = modules.setdefault(row, dict(tunable=0, total=0))
            entry['tunable'] += parameter.numel() * parameter.requires_grad
            entry['total'] += parameter.numel()
    return dict(tunable=tunable, tunable_adapters=tunable_adapters, total=total, modules=modules, unread=unread(model))


def unread(model: nn.Module) -> dict[str, int]:
    """Tunable parameters of each adapter that gets no gradient, by the adapter's name in the model."""
    found = {}
    for path, module in model.named_modules():
        for name in module.unread_adapters() if hasattr(module, 'unread_adapters') else ():
            size = sum(parameter.numel() for parameter in module.get_submodule(name).parameters()
                       if parameter.requires_grad)
            if size:
                found[f'{path}.{name}' if path else name] = size
    return found


def clip_shape(cfg: Config) -> tuple[int, ...]:
    """Shape of one clip (or image) as the config's test pipeline gives it to the model, one view of it.

    Returns:
        (1, 1, 3, T, H, W), for ``FormatShape('NCHW')`` (1, T, 3, H, W), for an image pipeline (1, 3, H, W).

    Raises:
        ValueError: if the pipeline does not tell the size.
    """
    clip_len, clips, size, layout = None, 1, None, None
    for step in cfg.get('test_pipeline', ()):
        scope, _, kind = step['type'].rpartition('.')
        is_image_step = (scope or cfg.get('default_scope')) == 'mmpretrain'     # its Resize keeps no ratio by default
        if 'num_frames' in step:
            clip_len, clips = step['num_frames'], 1
        elif 'clip_len' in step:
            clip_len, clips = step['clip_len'], step.get('num_clips', 1)
        elif 'num_segments' in step:                                            # neighbouring frames of each
            clip_len, clips = step['num_segments'] * step.get('length', 1), 1
        if 'crop_size' in step:
            size = step['crop_size']
        elif kind == 'PillowResize' or kind == 'Resize' and not step.get('keep_ratio', not is_image_step):
            size = step['scale'] if isinstance(step['scale'], int) else tuple(step['scale'])[::-1]      # (w, h)
        if kind == 'FormatShape':
            layout = step['input_format']
    if size is None or layout not in (None, 'NCHW', 'NCTHW') or (layout is not None and clip_len is None):
        raise ValueError(f'{cfg.filename}: its test_pipeline does not tell the input size: expected steps with '
                         'num_frames or clip_len, with crop_size or a fixed Resize, and FormatShape NCTHW or NCHW')
    height, width = (size, size) if isinstance(size, int) else size
    shapes = {None: (3, ), 'NCTHW': (1, 3, clip_len), 'NCHW': (clip_len and clip_len * clips, 3)}
    return (1, *shapes[layout], height, width)


def measure_clip(model: nn.Module, shape: tuple[int, ...]) -> dict:
    """Run one input of that shape through a model.

    Returns:
        ``input``: the shape; ``flops`` of the forward pass, see :func:`count_flops`; ``activation_bytes``:
        what one clip keeps for the backward pass in training mode, see :func:`saved_bytes`.
    """
    inputs = torch.zeros(shape)
    kwargs = dict(stage='head') if isinstance(model, BaseRecognizer) else {}

    def run() -> Tensor:
        return model(inputs, mode='tensor', **kwargs)

    model.eval()
    flops = count_flops(run)
    model.train()
    return dict(input=list(shape), flops=flops, activation_bytes=saved_bytes(run, model))


@torch.no_grad()
def count_flops(run: Callable[[], object]) -> int:
    """FLOPs of the matrix products, convolutions, attention and weighted gathers of a call; a multiply-add is two.

    Element-wise operations, norms and softmax do not count, as usual.
    """
    counter = flop_counter()
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)              # one operator that the counter does not know
    try:
        with counter:
            run()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    return counter.get_total_flops()


def saved_bytes(run: Callable[[], Tensor], model: nn.Module) -> int:
    """Bytes that autograd keeps between the forward and the backward pass of a call.

    Tensors that share memory count once; the model's parameters and buffers do not count, since they are
    there anyway.
    """
    with saved_storages(model) as storages, torch.enable_grad():
        output = run()                                          # held: it holds the graph
    del output
    return sum(storage.nbytes() for storage in storages.values())


@contextmanager
def saved_storages(model: nn.Module) -> Iterator[dict]:
    """Collect the storages that autograd saves within, each once, but for those of the model's own tensors."""
    own = {_storage_id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    storages: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: Tensor) -> Tensor:
        if _storage_id(tensor) not in own:
            storages[_storage_id(tensor)] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield storages


def _storage_id(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata                      # an address of data is 0 for tensors without values


def format_report(report: dict) -> str:
    """A report of :func:`count_config` as an aligned table."""
    rows = [('module', 'tunable', 'total', 'share')]
    for name, entry in report['modules'].items():
        rows.append((('  ' if '.' in name else '') + name, f'{entry["tunable"]:,}', f'{entry["total"]:,}',
                     f'{100 * entry["tunable"] / max(entry["total"], 1):.2f}%'))
    tunable, total = report['tunable'], report['total']
    rows.append(('all', f'{tunable:,}', f'{total:,}', f'{100 * tunable / max(total, 1):.2f}%'))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ['  '.join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
             for row in rows]
    lines.append(f'tunable: {tunable / 1e6:.3f} M, of these in adapters: {report["tunable_adapters"] / 1e6:.3f} M; '
                 f'total: {total / 1e6:.3f} M')
    if report.get('unread'):
        names, size = ', '.join(report['unread']), sum(report['unread'].values())
        lines.append(f'without a gradient: {size / 1e6:.3f} M in {names}, which change patch tokens behind the last '
                     'attention while the head reads the class token')
    if 'flops' in report:
        lines.append(f'one input {tuple(report["input"])}: {report["flops"] / 1e9:.4g} GFLOPs forward (a multiply-add '
                     f'is two), {report["activation_bytes"] / 2 ** 20:.4g} MiB kept for backward (float32)')
    return '\n'.join(lines)


@contextmanager
def messages_on_stderr() -> Iterator[None]:
    """Send what is printed or logged within to stderr, so that stdout carries the answer alone."""
    handlers = [handler for handler in MMLogger.get_current_instance().handlers
                if getattr(handler, 'stream', None) is sys.stdout]
    stdout = sys.stdout
    for handler in handlers:
        handler.setStream(sys.stderr)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        for handler in handlers:
            handler.setStream(stdout)
