"""What one training step of a config costs: FLOPs, weights, gradients, optimizer state and activations.

The step runs with shapes alone (PyTorch's fake tensors): the model, its loss, the backward pass and the optimizer are
the run's own, and the memory is that of the storages that are alive, operator by operator. Nothing is measured on a
card. What differs on a card is told by the report: the library's working space, CUDA's context, and a step in half
precision, whose operators are chosen as on CUDA for norms alone.
"""
from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

from ..backbones.freezing import count_parameters
from ..ops.choosing import shapes_as_on_cuda
from ..run_config import flow_classes
from .counting import build_shapes, clip_shape, without_weights
from .flops import flop_counter
from .live_memory import LiveStorages, tensor_bytes

PRECISIONS = ('fp32', 'amp', 'bf16')


@dataclasses.dataclass(frozen=True)
class StepCost:
    """One training step on one GPU; memory in bytes.

    Args:
        batch, frames, size: clips, frames of each and pixels of their shorter side.
        precision: one of ``PRECISIONS``.
        flops_forward, flops_backward: a multiply-add is two; norms and the like do not count.
        weights, gradients, optimizer: what they take.
        kept: alive between the forward and the backward pass besides weights, the clips included.
        passes, update: the most that is alive at any time of both passes, and of the optimizer's update, in a step that
            is not the first. The parts above do not add up to it, since gradients come as activations go.
    """
    batch: int
    frames: int
    size: int
    precision: str
    flops_forward: int
    flops_backward: int
    weights: int
    gradients: int
    optimizer: int
    kept: int
    passes: int
    update: int

    @property
    def peak(self) -> int:
        """The most that is alive at any time of a step, in bytes."""
        return max(self.passes, self.update)

    @property
    def flops(self) -> int:
        return self.flops_forward + self.flops_backward


@dataclasses.dataclass(frozen=True)
class Measured:
    """A real step: its clips as in :class:`StepCost`, the most memory it held in bytes, its seconds, and where."""
    batch: int
    frames: int
    size: int
    precision: str
    peak: int
    seconds: float
    device: str


class StepModel:
    """A config's model whose step can be worked out, or run, for any number and size of clips.

    Args:
        cfg: a config of a recognizer.

    Raises:
        ValueError: for a config without a model, or whose clips' size its test pipeline does not tell.
    """

    def __init__(self, cfg: Config) -> None:
        if 'model' not in cfg or 'optim_wrapper' not in cfg:
            raise ValueError(f'{cfg.filename}: has no model and optim_wrapper, so it trains nothing')
        init_default_scope(cfg.get('default_scope', 'mmaction'))
        flow_classes(cfg)
        self.cfg, self.shape = cfg, clip_shape(cfg)
        if len(self.shape) != 6:
            raise ValueError(f'{cfg.filename}: its step is worked out for clips of FormatShape NCTHW; images and '
                             'frames in a batch are not: mmdfer count --full tells their FLOPs')
        self.frames, self.size = self.shape[3], self.shape[4]
        self.model_cfg = without_weights(cfg.model)
        model = build_shapes(self.model_cfg)
        self.tunable, self.total = count_parameters(model)
        self.optimizer = cfg.optim_wrapper.optimizer.type
        self._optim_wrapper = dict(type='OptimWrapper', **{
            key: value for key, value in cfg.optim_wrapper.to_dict().items()
            if key in ('constructor', 'optimizer', 'paramwise_cfg')})
        self._known: dict[tuple, StepCost] = {}

    def cost(self, batch: int, frames: int | None = None, size: int | None = None,
             precision: str = 'fp32') -> StepCost:
        """The cost of a step, worked out.

        Raises:
            ValueError: for clips that the model does not take, or a model that looks at values.
        """
        clips = (batch, frames or self.frames, size or self.size, precision)
        if clips not in self._known:
            self._known[clips] = self._worked_out(*clips)
        return self._known[clips]

    def _worked_out(self, batch: int, frames: int, size: int, precision: str) -> StepCost:
        model = build_shapes(self.model_cfg).train()
        model = model.bfloat16() if precision == 'bf16' else model
        with shapes_as_on_cuda(), FakeTensorMode(allow_non_fake_inputs=True):
            keep_texts_of(model.to_empty(device='cpu'))
            return self._step(model, batch, frames, size, precision)

    def measure(self, batch: int, frames: int | None = None, size: int | None = None,
                precision: str = 'fp32') -> Measured:
        """A real step on this machine with random weights: on CUDA where there is such a device, else on the CPU.

        A first step is held against :meth:`cost` for its memory, a second is timed.

        Raises:
            ValueError: for clips that the model does not take.
        """
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        model = MODELS.build(copy.deepcopy(self.model_cfg)).train()
        model = (model.bfloat16() if precision == 'bf16' else model).to(device)
        clips = (batch, frames or self.frames, size or self.size, precision)
        if device == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        keep_texts_of(model)
        peak = self._step(model, *clips, device).peak
        if device == 'cuda':
            peak = torch.cuda.max_memory_allocated()
        seconds = self._seconds(model, *clips, device)
        return Measured(*clips, peak, seconds, torch.cuda.get_device_name() if device == 'cuda' else 'CPU')

    def _clips(self, batch: int, frames: int, size: int, precision: str, device: str | None) -> Tensor:
        return torch.zeros(batch, *self.shape[1:3], frames, size, size, device=device,
                           dtype=torch.bfloat16 if precision == 'bf16' else torch.float32)

    def _seconds(self, model: nn.Module, batch: int, frames: int, size: int, precision: str, device: str) -> float:
        """Seconds of forward, backward and the optimizer, without counters."""
        wrapper = build_optim_wrapper(model, self._optim_wrapper)
        clips = self._clips(batch, frames, size, precision, device)
        wait = torch.cuda.synchronize if device == 'cuda' else lambda: None
        wait()
        start = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=precision == 'amp'):
            loss = training_loss(model, clips)
        loss.backward()
        wrapper.optimizer.step()
        wait()
        return time.perf_counter() - start

    def _step(self, model: nn.Module, batch: int, frames: int, size: int, precision: str,
              device: str | None = None) -> StepCost:
        """A step with its counters; ``device`` is that of a real one."""
        live, counter = LiveStorages(), flop_counter()
        weights = live.hold([*model.parameters(), *model.buffers()])
        wrapper = build_optim_wrapper(model, self._optim_wrapper)
        with live:
            clips = self._clips(batch, frames, size, precision, device)
            with counter:
                try:
                    with half_precision(device) if precision == 'amp' else nullcontext():
                        loss = training_loss(model, clips)
                except RuntimeError as error:
                    raise ValueError(f'{self.cfg.filename}: a step of {batch} clips of {frames} frames of {size} '
                                     f'pixels cannot be worked out: {error}') from error
                forward, kept = counter.get_total_flops(), live.now - weights
                loss.backward()
            del loss
            flops, first_peak = counter.get_total_flops(), live.peak
            live.peak = live.now
            wrapper.optimizer.step()
        states = tensor_bytes(value for state in wrapper.optimizer.state.values() for value in state.values()
                              if isinstance(value, Tensor))
        gradients = tensor_bytes(parameter.grad for parameter in model.parameters() if parameter.grad is not None)
        return StepCost(batch, frames, size, precision, forward, flops - forward, weights, gradients, states, kept,
                        first_peak + states, live.peak)


def training_loss(model: nn.Module, clips: Tensor) -> Tensor:
    """The model's own loss of clips (B, 1, 3, T, H, W) with mixed labels, captions and maps; of its scores where it
    looks at values."""
    head, device = model.cls_head, clips.device
    classes = head.num_classes
    samples = []
    for _ in clips:
        sample = ActionDataSample(metainfo=dict(caption='a'))
        sample.set_gt_label(torch.full((classes, ), 1 / classes, device=device))
        for name in ('parsing_maps', 'landmark_maps'):
            sample.set_field(torch.zeros(clips.shape[2:], dtype=torch.uint8, device=device), name)
        samples.append(sample)
    try:
        losses = model.loss(clips, samples)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        print_log(f'its loss looks at values ({error}): that of its scores stands in', logger='current')
        scores = model(clips, mode='tensor', stage='head')
        return F.cross_entropy(scores.float(), scores.new_full(scores.shape, 1 / classes).float())
    return sum((value.float().mean() for name, value in losses.items() if 'loss' in name), clips.new_zeros(()).float())


def keep_texts_of(model: nn.Module) -> None:
    """Give a text head the features of texts that do not change, which a run works out once and not in a step."""
    head = getattr(model, 'cls_head', None)
    for encoder, learner in head.towers() if hasattr(head, 'towers') else ():
        if learner.fixed_texts and not any(parameter.requires_grad for parameter in encoder.parameters()):
            features = torch.zeros(len(learner.owners), encoder.proj_dim, device=learner.owners.device)
            learner.kept = head.reduction.features(features, learner.owners, head.num_classes)


class _Norms32(TorchFunctionMode):
    """Norms in float32 within autocast, as CUDA's list has them and the CPU's has not."""

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func not in (F.layer_norm, F.group_norm):
            return func(*args, **kwargs)
        with torch.autocast('cpu', enabled=False):
            return func(args[0].float(), *args[1:], **kwargs)


@contextmanager
def half_precision(device: str | None) -> Iterator[None]:
    """bfloat16 where autocast has it: on a device, or as on CUDA for tensors without values."""
    with ExitStack() as stack:
        stack.enter_context(torch.autocast(device or 'cpu', dtype=torch.bfloat16))
        if device is None:
            stack.enter_context(_Norms32())
        yield


def largest_batch(model: StepModel, budget: int, extra: int = 0, **clips: Any) -> tuple[int, list[StepCost]]:
    """The most clips whose step stays within a number of bytes; 0 where one does not.

    Memory grows by the same for each clip, nearly, so that a few steps tell the number: its own and the next one, which
    does not fit, are worked out.

    Args:
        model: of the config.
        budget: bytes.
        extra: bytes besides a step's own, such as buckets of gradients.
        clips: ``frames``, ``size`` and ``precision`` of :meth:`StepModel.cost`.

    Returns:
        The number, and the costs of 1, 2 and as many clips.
    """
    one, two = costs = [model.cost(batch, **clips) for batch in (1, 2)]
    room = budget - extra
    if one.peak > room:
        return 0, costs
    fits, least_too_many, slope = one, None, max(two.passes - one.passes, 1)
    while least_too_many != fits.batch + 1:
        guess = max(fits.batch + 1, fits.batch + (room - fits.passes) // slope)
        if least_too_many is not None:
            guess = min(guess, least_too_many - 1)
        cost = model.cost(guess, **clips)
        costs.append(cost)
        if cost.peak <= room:
            fits = cost
        else:
            least_too_many = guess
        slope = max((cost.passes - one.passes) // (cost.batch - 1), 1)
    return fits.batch, [cost for cost in costs if cost.batch <= 2 or cost.batch == fits.batch]
