"""Parameter groups for models of which most is frozen."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from ..registry import OPTIM_WRAPPER_CONSTRUCTORS
from ..weights import bare_name
from .layer_depth import depth_by_name, has_layers_by_name
from .sharding import is_sharded

_NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)
_KNOWN = {'custom_keys', 'norm_decay_mult', 'bias_decay_mult', 'flat_decay_mult', 'layer_decay_rate'}


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TunableOptimWrapperConstructor:
    """Hand the optimizer the tunable parameters alone, in as few groups as there are settings.

    mmengine's default makes one group of each tensor once any ``paramwise_cfg`` is given, with a line of
    warning for each frozen one, and puts frozen parameters into the optimizer when none is.

    Args:
        optim_wrapper_cfg: with an ``optimizer`` that sets ``lr``.
        paramwise_cfg: ``norm_decay_mult`` and ``bias_decay_mult`` multiply the weight decay of norm layers
            and of biases, ``flat_decay_mult`` that of whatever else has one axis, such as a scale of channels or
            the biases of queries that stand alone; ``custom_keys`` maps a part of a parameter's name to ``lr_mult`` and
            ``decay_mult``, the longest match winning. ``layer_decay_rate`` multiplies the learning rate once
            for each layer that lies above a parameter's own: 1 for the head, the rate for the last block,
            least for the patch embedding. ``get_layer_depth`` of the model or its backbone tells the layer; of a
            backbone without it its names do, if they are those of a vision transformer (:mod:`.layer_depth`).

    Raises:
        ValueError: for an unknown key, a rate outside (0, 1], a model without a tunable parameter, or layer
            decay for a backbone that does not tell its layers.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        self.optim_wrapper_cfg = dict(optim_wrapper_cfg)
        self.paramwise_cfg = dict(paramwise_cfg or {})
        unknown = set(self.paramwise_cfg) - _KNOWN
        if unknown:
            raise ValueError(f'paramwise_cfg: {sorted(unknown)} not known here: choose from {sorted(_KNOWN)}')
        rate = self.paramwise_cfg.get('layer_decay_rate', 1.)
        if not 0 < rate <= 1:
            raise ValueError(f'paramwise_cfg: layer_decay_rate={rate} is outside (0, 1]; 1 means no decay over layers')

    def __call__(self, model: nn.Module) -> OptimWrapper:
        wrapper_cfg = dict(self.optim_wrapper_cfg)
        wrapper_cfg.setdefault('type', 'OptimWrapper')
        optimizer_cfg = dict(wrapper_cfg.pop('optimizer'))
        groups = self.group(model, optimizer_cfg['lr'], optimizer_cfg.get('weight_decay', 0.))
        optimizer = OPTIMIZERS.build(dict(optimizer_cfg, params=groups))
        return OPTIM_WRAPPERS.build(dict(wrapper_cfg, optimizer=optimizer))

    def group(self, model: nn.Module, lr: float, weight_decay: float) -> list[dict]:
        """Groups of parameters with their ``lr`` and ``weight_decay``; a shared parameter comes once."""
        model = model.module if is_model_wrapper(model) else model
        scale_of = self._layer_scales(model)
        norms = {id(parameter) for module in model.modules() if isinstance(module, _NORMS)
                 for parameter in module.parameters(recurse=False)}
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                name = bare_name(name)
                lr_mult, decay_mult = self._multipliers(name, parameter, id(parameter) in norms)
                groups.setdefault((lr * lr_mult * scale_of(name), weight_decay * decay_mult), []).append(parameter)
        if not groups:
            raise ValueError('the model has no tunable parameter: add adapters or a head, or set freeze=False')
        for (group_lr, group_decay), parameters in groups.items():
            count = sum(parameter.numel() for parameter in parameters)
            shards = ", in this process's shards" if is_sharded(model) else ''
            print_log(f'optimizer group: {count:,} parameters in {len(parameters)} tensors{shards}, lr {group_lr:g}, '
                      f'weight decay {group_decay:g}', logger='current')
        return [dict(params=parameters, lr=group_lr, weight_decay=group_decay)
                for (group_lr, group_decay), parameters in groups.items()]

    def _layer_scales(self, model: nn.Module) -> Callable[[str], float]:
        """What each parameter's learning rate is multiplied with for the layer it is in."""
        rate = self.paramwise_cfg.get('layer_decay_rate', 1.)
        if rate == 1.:
            return lambda name: 1.
        backbone = getattr(model, 'backbone', None)
        if hasattr(backbone, 'get_layer_depth'):
            depth_of, prefix = backbone.get_layer_depth, 'backbone.'
        elif hasattr(model, 'get_layer_depth') and backbone is None:
            depth_of, prefix = model.get_layer_depth, ''
        elif backbone is not None and has_layers_by_name(backbone):
            depth_of, prefix = partial(depth_by_name, backbone), 'backbone.'
        else:
            told_by = type(model if backbone is None else backbone).__name__
            raise ValueError('paramwise_cfg: layer_decay_rate needs a backbone that tells its layers by '
                             f'get_layer_depth; {told_by} does not: leave layer_decay_rate out')

        def scale(name: str) -> float:
            layer, layers = depth_of(name, prefix)
            return rate ** (layers - layer - 1)

        return scale

    def _multipliers(self, name: str, parameter: nn.Parameter, is_norm: bool) -> tuple[float, float]:
        custom = self.paramwise_cfg.get('custom_keys', {})
        for key in sorted(custom, key=lambda key: (-len(key), key)):
            if key in name:
                return custom[key].get('lr_mult', 1.), custom[key].get('decay_mult', 1.)
        if is_norm:
            return 1., self.paramwise_cfg.get('norm_decay_mult', 1.)
        if name.endswith('.bias'):
            return 1., self.paramwise_cfg.get('bias_decay_mult', 1.)
        return 1., self.paramwise_cfg.get('flat_decay_mult', 1.) if parameter.ndim == 1 else 1.
