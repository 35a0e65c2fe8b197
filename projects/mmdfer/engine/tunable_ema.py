"""Exponential moving average of the tunable parameters alone."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..registry import HOOKS
from ..weights import with_current_names


@HOOKS.register_module()
class TunableEMAHook(Hook):
    """Keep ``average = (1 - m) · average + m · parameter`` of what is tuned, and validate and test with it.

    mmengine's ``EMAHook`` copies the whole model, frozen weights included; this one holds a second copy of
    the tunable parameters and of nothing else. Otherwise it follows ``EMAHook``: an update each training
    iteration (also between the steps of accumulated gradients), the first of which copies the parameters,
    and checkpoints whose ``state_dict`` holds the averages, ready for use, while ``ema_state_dict`` holds
    the number of updates and the parameters that training goes on from, as plain tensors. ``best.safetensors``
    and ``last.safetensors`` of ``AdapterCheckpointHook`` hold the averages too. A resumed run goes on exactly.

    Args:
        momentum: weight m of the newest parameters, in (0, 1). The average remembers about 1 / m iterations.
        warmup: after s updates m is ``warmup / (warmup + s)`` as long as that is more than ``momentum``, so
            that early averages forget the start sooner; mmengine's ``MomentumAnnealingEMA`` with this
            ``gamma``. Defaults to None, a constant m.
        interval: iterations from one update to the next.
        begin_iter: iteration to begin averaging at; before it the average is the parameters themselves.
        begin_epoch: epoch to begin averaging at, instead of ``begin_iter``.

    Raises:
        ValueError: for a number out of its range, or both beginnings.
    """

    priority = 'NORMAL'                 # before CheckpointHook, which saves what was averaged

    def __init__(self, momentum: float = 1e-3, warmup: float | None = None, interval: int = 1, begin_iter: int = 0,
                 begin_epoch: int = 0) -> None:
        if not 0 < momentum < 1:
            raise ValueError(f'TunableEMAHook: momentum={momentum} is the weight of the newest parameters and must lie '
                             'between 0 and 1, such as 0.001')
        if (warmup is not None and warmup <= 0) or interval < 1 or begin_iter < 0 or begin_epoch < 0:
            raise ValueError(f'TunableEMAHook: expected warmup > 0 or None, interval >= 1, begin_iter and begin_epoch '
                             f'>= 0, got {warmup}, {interval}, {begin_iter}, {begin_epoch}')
        if begin_iter and begin_epoch:
            raise ValueError(f'TunableEMAHook: give begin_iter={begin_iter} or begin_epoch={begin_epoch}, not both')
        self.momentum, self.warmup, self.interval = momentum, warmup, interval
        self.begin_iter, self.begin_epoch = begin_iter, begin_epoch
        self._begin()

    def _begin(self) -> None:
        self._parameters: dict[str, Tensor] = {}
        self._averages: dict[str, Tensor] | None = None     # while swapped in: the parameters of training
        self._updates = 0
        self._is_swapped = False

    def before_train(self, runner) -> None:
        self._parameters = _tunable(runner)
        if self._averages is None:
            self._averages = {name: tensor.clone() for name, tensor in self._parameters.items()}

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if self._has_begun(runner):
            self._update()
        else:
            self._average(1.)

    def _has_begun(self, runner) -> bool:
        return runner.epoch + 1 >= self.begin_epoch if self.begin_epoch else runner.iter + 1 >= self.begin_iter

    def _update(self) -> None:
        if self._updates == 0:
            self._average(1.)
        elif self._updates % self.interval == 0:
            annealed = 0. if self.warmup is None else self.warmup / (self.warmup + self._updates)
            self._average(max(self.momentum, annealed))
        self._updates += 1

    def _average(self, momentum: float) -> None:
        get_ema_multi_avg_fn(1 - momentum)(list(self._averages.values()), list(self._parameters.values()), None)

    def before_val_epoch(self, runner) -> None:
        self._swap()

    def after_val_epoch(self, runner, metrics=None) -> None:
        self._swap()

    def before_test_epoch(self, runner) -> None:
        self._swap()

    def after_test_epoch(self, runner, metrics=None) -> None:
        self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        """Exchange averages and parameters, in place; nothing before training, when there are no averages."""
        if self._averages is None:
            return
        for name, parameter in self._parameters.items():
            kept = parameter.clone()
            parameter.copy_(self._averages[name])
            self._averages[name].copy_(kept)
        self._is_swapped = not self._is_swapped

    @contextmanager
    def averages_in_model(self) -> Iterator[None]:
        """Within it the model carries the averages."""
        swaps = not self._is_swapped
        if swaps:
            self._swap()
        try:
            yield
        finally:
            if swaps:
                self._swap()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        if self._averages is None:
            return
        state, ema = checkpoint['state_dict'], {'steps': torch.tensor(self._updates)}
        for name, average in self._averages.items():
            other = average.cpu()
            ema[f'module.{name}'] = other if self._is_swapped else state[name]
            if not self._is_swapped:
                state[name] = other
        checkpoint['ema_state_dict'] = ema

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if not runner._resume:
            return                                          # loaded to begin anew: the averages are what to begin with
        if 'ema_state_dict' in checkpoint:                  # a file of an older version may have older names
            model = _bare(runner)
            checkpoint['state_dict'] = with_current_names(model, checkpoint['state_dict'])
            checkpoint['ema_state_dict'] = with_current_names(model, checkpoint['ema_state_dict'], 'module.')
        ema, state = checkpoint.get('ema_state_dict'), checkpoint['state_dict']
        if ema is None:
            runner.logger.warning('the checkpoint holds no ema_state_dict: averaging begins with its parameters')
            return
        parameters = _tunable(runner)
        lacking = [name for name in parameters if f'module.{name}' not in ema or name not in state]
        if lacking:
            raise ValueError(f'the checkpoint averages other parameters than those tuned now: it lacks {len(lacking)}, '
                             f'such as {lacking[0]}; resume with the config that it was trained with')
        self._updates = int(ema['steps'])
        self._averages = {name: state[name].to(parameter, copy=True) for name, parameter in parameters.items()}
        for name in parameters:
            state[name] = ema[f'module.{name}']


@contextmanager
def evaluated_weights(runner) -> Iterator[None]:
    """Within it the runner's model carries the weights that validation sees: averages, where a hook keeps any."""
    hook = next((hook for hook in runner.hooks if isinstance(hook, TunableEMAHook)), None)
    if hook is None:
        yield
    else:
        with hook.averages_in_model():
            yield


def _tunable(runner) -> dict[str, Tensor]:
    return {name: parameter.detach() for name, parameter in _bare(runner).named_parameters() if parameter.requires_grad}


def _bare(runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
