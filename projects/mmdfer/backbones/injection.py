"""Adapters in other people's video transformers, by hooks around the blocks that a pattern names."""
from __future__ import annotations

import os
import re
from functools import lru_cache

from torch import Tensor, nn

from ..adapters import TokenGrid
from ..registry import MODELS
from ..weights import CheckpointError, find_state_dict, read_checkpoint
from .layouts import LAYOUTS

POSITIONS = ('before', 'after')


def inject_adapters(model: nn.Module, pattern: str, adapter: dict, layout: str, position: str = 'before',
                    freeze: bool = True) -> nn.Module:
    """Put an adapter before or after each block of a model, in place.

    The model stays what it is: its own parameters keep their names, and the adapters lie beside them as
    ``adapters.<block>_<position>``, a block's dots as underscores. So a stock state dict loads into the
    model with the adapters missing, and the model's into a stock one with them unexpected. Other models of
    the class are not touched. Call it again for a second kind of adapter or another position.

    Adapters see the patch tokens of each frame, (B·T, H·W, C); a clip's class token passes them by.

    Args:
        model: e.g. MMAction2's ``VisionTransformer`` (VideoMAE), ``TimeSformer``, ``MViT`` or
            ``SwinTransformer3D``.
        pattern: regular expression that a block's whole name matches, as in ``named_modules()``.
        adapter: an adapter's config; its ``dim`` is read from each block.
        layout: how the blocks arrange their tokens, a key of ``LAYOUTS``.
        position: ``'before'`` or ``'after'`` the block.
        freeze: train adapters alone; everything else stays in eval mode whatever the model's mode.

    Returns:
        The model itself.

    Raises:
        ValueError: for an unknown layout or position, and for a pattern that matches nothing, something
            that is no block of the layout, or a block that has an adapter there already.
    """
    for name, value, choices in (('layout', layout, LAYOUTS), ('position', position, POSITIONS)):
        if value not in choices:
            raise ValueError(f'{name}={value!r} is not known: choose one of {", ".join(choices)}')
    blocks = {f'{name.replace(".", "_")}_{position}': (name, module) for name, module in model.named_modules()
              if re.fullmatch(pattern, name)}
    _check_blocks(model, blocks, pattern, layout)
    view = LAYOUTS[layout](model)
    adapters = {key: MODELS.build(dict(adapter, dim=view.width(block, position))) for key, (_, block) in blocks.items()}
    _adopt(model, freeze)
    for key, (_, block) in blocks.items():
        # A model may be injected after it was moved.
        model.adapters[key] = adapters[key].to(next(block.parameters()).device)
        hook = _AdapterHook(model.adapters[key], view)
        if position == 'before':
            block.register_forward_pre_hook(hook.adapt_input)
        else:
            block.register_forward_hook(hook.adapt_output)
    model.train(model.adapters.training)
    return model


def _check_blocks(model: nn.Module, blocks: dict[str, tuple[str, nn.Module]], pattern: str, layout: str) -> None:
    kind = LAYOUTS[layout].block
    if not blocks:
        names = [name for name, module in model.named_modules() if isinstance(module, kind)]
        names = names or [name for name, _ in model.named_modules() if name]
        raise ValueError(f'pattern {pattern!r} matches no module of {type(model).__name__}; there are e.g. '
                         f'{", ".join(names[:4])}')
    for key, (name, module) in blocks.items():
        if not isinstance(module, kind):
            raise ValueError(f'pattern {pattern!r} matches {name}, a {type(module).__name__}; layout={layout!r} puts '
                             f'adapters around {kind.__name__} alone')
        if isinstance(model, AdaptedModel) and key in model.adapters:
            raise ValueError(f'pattern {pattern!r} matches {name}, which has an adapter there already: choose another '
                             'pattern or position')


class AdaptedModel:
    """What a model does besides its own class once adapters are in it."""

    freeze = True
    stock_checkpoint: str | os.PathLike | None = None       # read instead of the class's own initialisation

    def train(self, mode: bool = True) -> nn.Module:
        """As the class does, but frozen parts stay in eval mode."""
        super().train(mode and not self.freeze)
        self.adapters.train(mode)
        return self                                          # some of MMAction2's backbones return None

    def init_weights(self) -> None:
        """As the class does, out of the adapters' reach, which stay the identity."""
        if self.stock_checkpoint is not None:
            load_stock(self, self.stock_checkpoint)
            self._is_init = True
            return
        adapters = self._modules.pop('adapters')
        try:
            super().init_weights()
        finally:
            self.adapters = adapters


@lru_cache(maxsize=None)
def _adapted_class(kind: type) -> type:
    return type(f'Adapted{kind.__name__}', (AdaptedModel, kind), dict(__module__=__name__))


def _adopt(model: nn.Module, freeze: bool) -> None:
    if not isinstance(model, AdaptedModel):
        model.__class__ = _adapted_class(type(model))
        model.adapters = nn.ModuleDict().train(model.training)
    model.freeze = freeze
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not freeze or name.startswith('adapters.'))


class _AdapterHook:
    """Runs an adapter on what a block takes or gives. A class, so that a copied model gets copied hooks."""

    def __init__(self, adapter: nn.Module, view) -> None:
        self.adapter, self.view = adapter, view

    def adapt_input(self, block: nn.Module, args: tuple) -> tuple:
        return self._adapt(args)

    def adapt_output(self, block: nn.Module, args: tuple, output: Tensor | tuple) -> Tensor | tuple:
        return self._adapt(output) if isinstance(output, tuple) else self._adapt((output, ))[0]

    def _adapt(self, values: tuple) -> tuple:
        x, shape = values[0], self.view.shape(values)
        tokens = self.adapter(self.view.to_frames(x, shape), TokenGrid(*shape, leading=0))
        return self.view.from_frames(tokens, x, shape), *values[1:]


def load_stock(model: nn.Module, path: str | os.PathLike) -> None:
    """Load weights of the model without adapters; the adapters keep theirs.

    The file is the backbone's state dict, or a recogniser's, whose ``backbone.`` part is taken.

    Raises:
        CheckpointError: if the file lacks a weight or one has another shape.
    """
    state = find_state_dict(read_checkpoint(path), path)
    inner = {key.removeprefix('backbone.'): value for key, value in state.items() if key.startswith('backbone.')}
    state = inner or state
    own = {key: value for key, value in model.state_dict().items() if not key.startswith('adapters.')}
    missing = [key for key in own if key not in state]
    reshaped = [f'{key} is {tuple(state[key].shape)}, expected {tuple(value.shape)}' for key, value in own.items()
                if key in state and state[key].shape != value.shape]
    if missing or reshaped:
        raise CheckpointError(f'{path}: not the weights of this {type(model).__name__.removeprefix("Adapted")}: '
                              f'{len(missing)} missing, {len(reshaped)} of another shape (such as '
                              f'{", ".join((missing + reshaped)[:2])}); use the config that they belong to')
    model.load_state_dict({key: state[key] for key in own}, strict=False)
