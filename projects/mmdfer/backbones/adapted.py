"""A stock backbone with adapters in it, as one config entry."""
from __future__ import annotations

from torch import nn

from ..registry import MODELS
from .adapter_configs import AdapterConfigs, named_adapters
from .freezing import log_parameters
from .injection import freeze_stock, inject_adapters


@MODELS.register_module(name='AdaptedBackbone')
def adapted_backbone(backbone: dict, pattern: str, layout: str, adapters: AdapterConfigs = (), freeze: bool = True,
                     init_cfg: dict | None = None, adapter: dict | None = None, position: str = 'before') -> nn.Module:
    """Build a backbone and put adapters before, after or parallel to its blocks.

    ``AdaptedBackbone`` is no module of its own: what it builds is the stock model, with its parameter names
    and its features, so heads, checkpoints and hooks that know the stock one go on working::

        backbone=dict(type='AdaptedBackbone', backbone=dict(type='VisionTransformer', ...), layout='videomae',
                      pattern=r'blocks\\.\\d+', adapters=dict(fe=dict(type='FEAdapter', slot='before', width=116)))

    Args:
        backbone: config of the stock backbone; its own ``init_cfg`` or ``pretrained`` works as it does there.
        pattern, layout, freeze: see :func:`mmdfer.backbones.injection.inject_adapters`.
        adapters: configs by name, as :class:`mmdfer.backbones.AdapterViT` has them: ``slot`` is the position,
            ``'before'`` (the default), ``'after'`` or ``'parallel'``, and ``blocks`` counts the blocks that match.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``: weights of the stock model, of which none may be
            missing; a recogniser's file is read, too.
        adapter, position: one adapter's config and its position, as configs of older versions have it.

    Raises:
        ValueError: for an ``init_cfg`` of another type, and as ``inject_adapters``.
    """
    if adapter is not None:
        adapters = [dict(adapter, slot=position)]
    model, configs = MODELS.build(backbone), named_adapters(adapters, default_slot='before')
    if freeze and not configs:
        freeze_stock(model, layout)
    for name, cfg in configs.items():
        slot, blocks = cfg.pop('slot'), cfg.pop('blocks', 'all')
        inject_adapters(model, pattern, cfg, layout, slot, freeze, name, blocks)
    if init_cfg is not None:
        if init_cfg.get('type') != 'Pretrained':
            raise ValueError(f'AdaptedBackbone: init_cfg={init_cfg} is not known here: give dict(type="Pretrained", '
                             'checkpoint=...), or the init_cfg of the inner backbone')
        model.init_cfg = dict(init_cfg)
        model.stock_checkpoint = init_cfg['checkpoint']
    log_parameters(f'AdaptedBackbone of {backbone["type"]}', model)
    return model
