"""Stochastic weight averaging of the tunable parameters alone."""
from __future__ import annotations

import logging

from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from torch.nn.modules.batchnorm import _BatchNorm

from ..registry import HOOKS
from .tunable_ema import TunableEMAHook


@HOOKS.register_module()
class TunableSWAHook(TunableEMAHook):
    """Validate and test with the plain mean of the tunable parameters at the ends of epochs (Izmailov et al., UAI 2018).

    torch's ``AveragedModel`` without the copy of what is frozen; checkpoints and resuming are those of
    ``TunableEMAHook``. Until ``begin_epoch`` the average is the parameters themselves. Running statistics of
    batch norms are not gathered anew for the averages; a model that trains any gets a warning.

    Args:
        begin_epoch: first epoch, counted from 1, whose end is averaged.
        interval: epochs from one that is averaged to the next.

    Raises:
        ValueError: for a number below 1.
    """

    def __init__(self, begin_epoch: int, interval: int = 1) -> None:
        if begin_epoch < 1 or interval < 1:
            raise ValueError(f'TunableSWAHook: begin_epoch={begin_epoch} and interval={interval} count epochs from 1')
        self.begin_epoch, self.interval = begin_epoch, interval
        self._begin()

    def before_train(self, runner) -> None:
        super().before_train(runner)
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        norms = [name for name, module in model.named_modules() if isinstance(module, _BatchNorm)
                 and any(parameter.requires_grad for parameter in module.parameters())]
        if norms:
            print_log(f'TunableSWAHook: {len(norms)} batch norms (such as {norms[0]}) keep the running statistics of '
                      'training, which are not those of the averaged weights', logger='current', level=logging.WARNING)

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if runner.epoch + 1 < self.begin_epoch:
            self._average(1.)

    def after_train_epoch(self, runner) -> None:
        if runner.epoch + 1 < self.begin_epoch or (runner.epoch + 1 - self.begin_epoch) % self.interval:
            return
        self._updates += 1
        self._average(1 / self._updates)                # the first copies, each later one counts as all before it
