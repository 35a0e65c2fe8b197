"""Recognizers that add the auxiliary losses of their adapters, such as a router's balance, to their own."""
from __future__ import annotations

from mmaction.models.recognizers import Recognizer3D
from torch import Tensor, nn

from ..adapters import Adapter, adapters_of, auxiliary_losses
from ..registry import MODELS


class SumsAuxiliaryLosses:
    """A mixin before a recognizer's class: its losses and ``loss_auxiliary``, where an adapter asks for one."""

    def loss(self, inputs: Tensor, data_samples: list, **kwargs) -> dict[str, Tensor]:
        """As the class does, and :func:`mmdfer.adapters.auxiliary_losses` after it."""
        losses = super().loss(inputs, data_samples, **kwargs)
        return dict(losses, **auxiliary_losses(self))


@MODELS.register_module()
class AdapterRecognizer3D(SumsAuxiliaryLosses, Recognizer3D):
    """MMAction2's ``Recognizer3D`` for adapters that have a loss of their own; for others it is the same."""


def check_auxiliary_losses(model: nn.Module) -> None:
    """Refuse adapters whose auxiliary loss the model would leave out.

    Raises:
        ValueError: naming the first and the remedy.
    """
    if isinstance(model, SumsAuxiliaryLosses):
        return
    for name, adapter in adapters_of(model):
        if type(adapter).auxiliary_loss is not Adapter.auxiliary_loss:
            raise ValueError(f'{name}: a {type(adapter).__name__} has an auxiliary loss, which {type(model).__name__} '
                             'does not add to its own: set model.type="AdapterRecognizer3D", or derive the recognizer '
                             'from mmdfer.recognizers.SumsAuxiliaryLosses')
