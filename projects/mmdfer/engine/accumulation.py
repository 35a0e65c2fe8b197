"""A recipe's batch on fewer GPUs than it was made for: gradients of several batches make one step.

A config says ``auto_scale_lr=dict(enable=True, base_batch_size=128, accumulate=True)``. With 16 clips a process and one
process, eight batches are one step then, and the learning rate is the recipe's own. What cannot be had exactly, such as
128 from 3 processes of 16, is come near to (3 batches, 144 clips), and the rate scaled by the rest, as it is for more
processes than a step needs.
"""
from __future__ import annotations

import warnings

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..registry import HOOKS


@HOOKS.register_module()
class AccumulationHook(Hook):
    """Let each epoch end with a step, over as many batches as are left.

    mmengine would carry their gradients into the next epoch, and lose them where a run is stopped between the two.
    """
    priority = 'VERY_LOW'

    def before_train(self, runner) -> None:
        # Schedules go by batches, of which the first steps of a schedule come before the first of the optimizer.
        warnings.filterwarnings('ignore', message='Detected call of `scheduler.step')
        counts, clips = runner.optim_wrapper._accumulative_counts, clips_a_step(runner)
        runner.logger.info(f'a step of the optimizer is over {clips} clips: {counts} batches of '
                           f'{runner.train_dataloader.batch_size} on each of {get_world_size()} processes')

    def before_train_epoch(self, runner) -> None:
        wrapper = runner.optim_wrapper
        wrapper._inner_count, wrapper._max_counts = 0, len(runner.train_dataloader)
        wrapper._remainder_counts = wrapper._max_counts % wrapper._accumulative_counts


def accumulate(runner: Runner) -> None:
    """Before its training, set how many batches of a runner make a step, and what the learning rate is scaled by.

    ``optim_wrapper.accumulative_counts`` of a config is kept; 1 turns accumulation off. mmengine scales the rate by the
    clips of a batch, not of a step; here the batches of a step count together.
    """
    scale = getattr(runner, 'auto_scale_lr', None) or getattr(runner, '_auto_scale_lr', None) or {}
    wrapper, loader = runner.optim_wrapper, runner._train_dataloader
    if not isinstance(wrapper, dict) or not isinstance(loader, dict):
        return
    counts, base = wrapper.get('accumulative_counts'), scale.get('base_batch_size')
    scaled = bool(scale.get('enable') and base)
    if counts is None and scaled and scale.get('accumulate'):
        counts = max(1, round(base / (loader['batch_size'] * get_world_size())))
    if counts is None or counts == 1:
        return
    wrapper['accumulative_counts'] = counts
    if scaled:
        scale['base_batch_size'] = base / counts
    runner.register_hook(AccumulationHook())


def clips_a_step(runner: Runner) -> int:
    """Over how many clips a step of a runner's optimizer is."""
    counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    return counts * runner.train_dataloader.batch_size * get_world_size()
