"""Whole clips in the epochs that fill the queues of S2D's emotion anchors."""
from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from ..registry import HOOKS


@HOOKS.register_module()
class AnchorHook(Hook):
    """Switch the mixing of clips off for epochs that fill a head's anchors, since a mixture has no class of its own.

    For a head with ``fills(epoch)``, such as :class:`mmdfer.heads.AnchorDistillationHead`; others go on as they do.
    """

    def __init__(self) -> None:
        self._blending = None

    def before_train_epoch(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        fills = getattr(getattr(model, 'cls_head', None), 'fills', None)
        if fills is not None and fills(runner.epoch):
            self._blending, model.data_preprocessor.blending = model.data_preprocessor.blending, None

    def after_train_epoch(self, runner) -> None:
        if self._blending is not None:
            model = runner.model.module if is_model_wrapper(runner.model) else runner.model
            model.data_preprocessor.blending, self._blending = self._blending, None
