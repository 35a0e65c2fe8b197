"""A stock backbone with adapters in it, as one config entry."""
from __future__ import annotations

from torch import nn

from ..registry import MODELS
from .freezing import log_parameters
from .injection import inject_adapters


@MODELS.register_module(name='AdaptedBackbone')
def adapted_backbone(backbone: dict, pattern: str, layout: str, adapter: dict, position: str = 'before',
                     freeze: bool = True, init_cfg: dict | None = None) -> nn.Module:
    """Build a backbone and put adapters around its blocks.

    ``AdaptedBackbone`` is no module of its own: what it builds is the stock model, with its parameter names
    and its features, so heads, checkpoints and hooks that know the stock one go on working::

        backbone=dict(type='AdaptedBackbone', backbone=dict(type='VisionTransformer', ...), layout='videomae',
                      pattern=r'blocks\\.\\d+', adapter=dict(type='FEAdapter', width=116))

    Args:
        backbone: config of the stock backbone; its own ``init_cfg`` or ``pretrained`` works as it does there.
        pattern, layout, adapter, position, freeze: see :func:`mmdfer.backbones.injection.inject_adapters`.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``: weights of the stock model, of which none may be
            missing; a recogniser's file is read, too.

    Raises:
        ValueError: for an ``init_cfg`` of another type, and as ``inject_adapters``.
    """
    model = inject_adapters(MODELS.build(backbone), pattern, adapter, layout, position, freeze)
    if init_cfg is not None:
        if init_cfg.get('type') != 'Pretrained':
            raise ValueError(f'AdaptedBackbone: init_cfg={init_cfg} is not known here: give dict(type="Pretrained", '
                             'checkpoint=...), or the init_cfg of the inner backbone')
        model.init_cfg = dict(init_cfg)
        model.stock_checkpoint = init_cfg['checkpoint']
    log_parameters(f'AdaptedBackbone of {backbone["type"]}', model)
    return model
