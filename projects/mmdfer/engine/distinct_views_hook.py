"""Test views that are equal are run once."""
from __future__ import annotations

import logging

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from torch import Tensor

from ..registry import HOOKS


def distinct_views(inputs: Tensor) -> list[int] | None:
    """Views of a batch (B, V, ...) that stand for all, if each is there equally often in every clip; else None.

    Leaving the others out then changes no average over views.
    """
    groups: list[list[int]] = []
    for view in range(inputs.shape[1]):
        for group in groups:
            if torch.equal(inputs[:, view], inputs[:, group[0]]):
                group.append(view)
                break
        else:
            groups.append([view])
    is_even = len({len(group) for group in groups}) == 1
    return [group[0] for group in groups] if is_even and len(groups) < inputs.shape[1] else None


@HOOKS.register_module()
class DistinctViewsHook(Hook):
    """In validation and test, run the model once for views that are equal to the last bit.

    Three crops of a square frame are one, and so are all windows of a clip that is no longer than a window.
    Their average is what one of them gives, so one is computed, with a warning at the first time. Views of a
    batch are left out if the same ones are equal in all of its clips and each is there equally often; otherwise
    all are run.
    """

    def __init__(self) -> None:
        self._handle = None
        self._has_warned = False

    def _begin(self, runner) -> None:
        self._end()
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self._handle = model.register_forward_pre_hook(self._leave_out, with_kwargs=True)

    def _end(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def before_val_epoch(self, runner) -> None:
        self._begin(runner)

    def after_val_epoch(self, runner, metrics=None) -> None:
        self._end()

    def before_test_epoch(self, runner) -> None:
        self._begin(runner)

    def after_test_epoch(self, runner, metrics=None) -> None:
        self._end()

    def _leave_out(self, model, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
        """Called with the model's arguments; ``inputs`` are clips (B, V, C, T, H, W)."""
        inputs = kwargs.get('inputs')
        if kwargs.get('mode') != 'predict' or not isinstance(inputs, Tensor) or inputs.ndim != 6 or inputs.shape[1] < 2:
            return None
        kept = distinct_views(inputs)
        if kept is None:
            return None
        if not self._has_warned:
            self._has_warned = True
            print_log(
                f'{inputs.shape[1]} views of a clip are tested, of which {len(kept)} differ (crops of square '
                'frames are equal, and so are windows of clips no longer than a window): equal ones are run once; the '
                'pipeline can do with fewer', logger='current', level=logging.WARNING)
        return args, dict(kwargs, inputs=inputs[:, kept])
