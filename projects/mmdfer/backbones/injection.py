"""Adapters in other people's video transformers, by hooks around the blocks that a pattern names."""
from __future__ import annotations

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from torch import Tensor, nn

from ..adapters import Adapter, TokenGrid
from ..registry import nearest
from ..weights import CheckpointError, find_state_dict, is_added, read_checkpoint, rename_in_place
from .adapter_block import parse_blocks
from .adapter_configs import build_adapter, check_slot, named_adapters, without_skip
from .freezing import freeze_but_added, train_added
from .layouts import LAYOUTS, TokenLayout

#: Before, after or beside the block; there several adapters read the same input and their deltas sum.
POSITIONS = ('before', 'after', 'parallel')
BESIDE = ('parallel', )


def inject_adapters(model: nn.Module, pattern: str, adapter: dict, layout: str, position: str = 'before',
                    freeze: bool = True, name: str | None = None,
                    blocks: str | int | Iterable[int] = 'all') -> nn.Module:
    """Put an adapter before, after or parallel to each block of a model, in place; what it gives is added.

    =========  =============================
    before     y = block(x + A(x))
    after      y = block(x); y += A(y)
    parallel   y = block(x) + A(x)
    =========  =============================

    The model stays what it is: its own parameters keep their names, and the adapters lie beside them as
    ``adapters.<name>.<block>``, a block's dots as underscores. So a stock state dict loads into the model with
    the adapters missing, and the model's into a stock one with them unexpected. Other models of the class are
    not touched. Call it again for another adapter: at the same position those before and after run one after
    the other, parallel ones read the same input, that of the block.

    Adapters see the patch tokens of each frame, (B·T, H·W, C); a clip's class token passes them by.

    Args:
        model: e.g. MMAction2's ``VisionTransformer`` (VideoMAE), ``TimeSformer``, ``MViT`` or
            ``SwinTransformer3D``.
        pattern: regular expression that a block's whole name matches, as in ``named_modules()``.
        adapter: an adapter's config; its ``dim`` is read from each block.
        layout: how the blocks arrange their tokens, a key of ``LAYOUTS``.
        position: ``'before'``, ``'after'`` or ``'parallel'``.
        freeze: train adapters alone; everything else stays in eval mode whatever the model's mode.
        name: of the adapter. Defaults to its type and position, such as ``FEAdapter_before``.
        blocks: which of the blocks that match, counted from 1, as in :func:`parse_blocks`.

    Returns:
        The model itself.

    Raises:
        ValueError: for an unknown layout, position or adapter, a name that is taken, and for a pattern that
            matches nothing or something that is no block of the layout.
    """
    _check_layout(layout)
    listed = [dict(adapter, slot=position)]
    (name, cfg), = named_adapters(listed if name is None else {name: listed[0]}).items()
    check_slot(position, POSITIONS, name)
    cfg = without_skip(cfg, name, BESIDE)
    del cfg['slot']
    found = _find_blocks(model, pattern, layout)
    found = [found[index] for index in parse_blocks(blocks, len(found))]
    _check_free(model, name, position, found)
    view = LAYOUTS[layout](model)
    built = {path.replace('.', '_'): build_adapter(cfg, view.width(block, position), name) for path, block in found}
    _adopt(model, view)
    model.positions[name] = position
    if name not in model.adapters:
        model.adapters[name] = nn.ModuleDict()
    for (key, one), (_, block) in zip(built.items(), found):
        # A model may be injected after it was moved.
        model.adapters[name][key] = one.to(next(block.parameters()).device)
        hook = _AdapterHook(one, view)
        if position == 'before':
            block.register_forward_pre_hook(hook.before)
        else:
            block.register_forward_hook(hook.after if position == 'after' else hook.beside)
    model.set_frozen(freeze)
    return model


def freeze_stock(model: nn.Module, layout: str) -> nn.Module:
    """A model without adapters, frozen as one with them.

    Raises:
        ValueError: for an unknown layout.
    """
    _check_layout(layout)
    _adopt(model, LAYOUTS[layout](model))
    model.set_frozen(True)
    return model


def _check_layout(layout: str) -> None:
    if layout not in LAYOUTS:
        raise ValueError(f'layout={layout!r} is not known: {nearest(layout, LAYOUTS)}')


def _find_blocks(model: nn.Module, pattern: str, layout: str) -> list[tuple[str, nn.Module]]:
    """Names and blocks that a pattern matches."""
    kind = LAYOUTS[layout].block
    found = [(name, module) for name, module in model.named_modules() if re.fullmatch(pattern, name)]
    if not found:
        names = [name for name, module in model.named_modules() if isinstance(module, kind)]
        names = names or [name for name, _ in model.named_modules() if name]
        plain = pattern.replace('\\', '').replace('d+', '0')
        near = get_close_matches(plain, names, 2) or names
        raise ValueError(f'pattern {pattern!r} matches no module of {type(model).__name__}; there are e.g. '
                         f'{", ".join(dict.fromkeys([*near[:2], *names[:4]]))}')
    for name, module in found:
        if not isinstance(module, kind):
            raise ValueError(f'pattern {pattern!r} matches {name}, a {type(module).__name__}; layout={layout!r} puts '
                             f'adapters around {kind.__name__} alone')
    return found


def _check_free(model: nn.Module, name: str, position: str, found: list[tuple[str, nn.Module]]) -> None:
    """Refuse a name that another position has, or a block has already."""
    if not isinstance(model, AdaptedModel) or name not in model.adapters:
        return
    taken = [path for path, _ in found if path.replace('.', '_') in model.adapters[name]]
    if taken or model.positions[name] != position:
        raise ValueError(f'adapter {name!r}: there is one of this name {model.positions[name]} '
                         f'{taken[0] if taken else "other blocks"} already; choose another name, pattern or position')


class AdaptedModel:
    """What a model does besides its own class once adapters are in it."""

    freeze = True
    stock_checkpoint: str | os.PathLike | None = None       # read instead of the class's own initialisation
    adapters: nn.ModuleDict                                  # by name, then by block
    positions: dict[str, str]                                # of the adapters, by name
    last_block: str                                          # that reads the patches
    reads_class_token: bool

    def train(self, mode: bool = True) -> nn.Module:
        """As the class does, but frozen parts stay in eval mode."""
        super().train(mode and not self.freeze)
        train_added(self, mode)
        return self                                          # some of MMAction2's backbones return None

    def set_frozen(self, freeze: bool) -> None:
        """Train the adapters alone, or everything."""
        mode = self.adapters.training
        self.freeze = freeze
        if freeze:
            freeze_but_added(self)
        else:
            self.requires_grad_(True)
        self.train(mode)

    def init_weights(self) -> None:
        """As the class does, out of the adapters' reach, which keep their start."""
        if self.stock_checkpoint is not None:
            load_stock(self, self.stock_checkpoint)
            self._is_init = True
            return
        adapters = self._modules.pop('adapters')
        try:
            super().init_weights()
        finally:
            self.adapters = adapters

    def unread_adapters(self) -> list[str]:
        """Adapters that get no gradient: those behind the last block, where the class token alone is read."""
        return [f'adapters.{name}.{self.last_block}' for name, position in self.positions.items()
                if self.reads_class_token and position != 'before' and self.last_block in self.adapters[name]]

    def adapter_places(self) -> dict[str, str]:
        """The position of each adapter."""
        return {f'adapters.{name}': position for name, position in self.positions.items()}

    def old_names(self) -> dict[str, str]:
        """Beginnings of parameters' names in files of older versions, which went by block and position."""
        names: dict[str, str] = {}
        adapters = self._modules.get('adapters', {})         # out of reach while the class initialises
        for name in adapters:
            position = self.positions[name]
            for block in adapters[name]:
                names.setdefault(f'adapters.{block}_{position}.', f'adapters.{name}.{block}.')
        return names

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        rename_in_place(state_dict, prefix, self.old_names())
        super()._load_from_state_dict(state_dict, prefix, *args)


@cache
def _adapted_class(kind: type) -> type:
    return type(f'Adapted{kind.__name__}', (AdaptedModel, kind), dict(__module__=__name__))


def _adopt(model: nn.Module, view: TokenLayout) -> None:
    if isinstance(model, AdaptedModel):
        return
    model.__class__ = _adapted_class(type(model))
    model.adapters = nn.ModuleDict().train(model.training)
    model.positions, model.reads_class_token = {}, view.reads_class_token
    blocks = [name for name, module in model.named_modules() if isinstance(module, view.block)]
    model.last_block = blocks[-1].replace('.', '_') if blocks else ''


class _AdapterHook:
    """Adds what an adapter gives to what a block takes or gives. A class, so that a copied model gets copied hooks."""

    def __init__(self, adapter: Adapter, view: TokenLayout) -> None:
        self.adapter, self.view = adapter, view

    def before(self, block: nn.Module, args: tuple) -> tuple | None:
        """A hook on the block's input."""
        if not self.adapter.enabled:
            return None
        return args[0] + self._delta(args), *args[1:]

    def after(self, block: nn.Module, args: tuple, output: Tensor | tuple) -> Tensor | tuple | None:
        """A hook on the block's output."""
        return self._added(output, output if isinstance(output, tuple) else (output, ))

    def beside(self, block: nn.Module, args: tuple, output: Tensor | tuple) -> Tensor | tuple | None:
        """A hook on the block's output that reads its input."""
        given = output[0] if isinstance(output, tuple) else output
        if given.shape != args[0].shape:
            raise ValueError(f'an adapter parallel to a block that takes tokens {tuple(args[0].shape)} and gives '
                             f'{tuple(given.shape)} has nothing to be added to: choose blocks that keep the shape, or '
                             'the position before or after')
        return self._added(output, args)

    def _added(self, output: Tensor | tuple, source: tuple) -> Tensor | tuple | None:
        if not self.adapter.enabled:
            return None
        delta = self._delta(source)
        return (output[0] + delta, *output[1:]) if isinstance(output, tuple) else output + delta

    def _delta(self, values: tuple) -> Tensor:
        """What the adapter adds to the first of the values, in their arrangement."""
        x, shape = values[0], self.view.shape(values)
        delta = self.adapter(self.view.to_frames(x, shape), TokenGrid(*shape, leading=0))
        return self.view.from_frames(delta, x, shape)


def load_stock(model: nn.Module, path: str | os.PathLike) -> None:
    """Load weights of the model without adapters; the adapters keep theirs.

    The file is the backbone's state dict, or a recogniser's, whose ``backbone.`` part is taken.

    Raises:
        CheckpointError: if the file lacks a weight or one has another shape.
    """
    state = find_state_dict(read_checkpoint(path), path)
    inner = {key.removeprefix('backbone.'): value for key, value in state.items() if key.startswith('backbone.')}
    state = inner or state
    own = {key: value for key, value in model.state_dict().items() if not is_added(key)}
    missing = [key for key in own if key not in state]
    reshaped = [f'{key} is {tuple(state[key].shape)}, expected {tuple(value.shape)}' for key, value in own.items()
                if key in state and state[key].shape != value.shape]
    if missing or reshaped:
        raise CheckpointError(f'{path}: not the weights of this {type(model).__name__.removeprefix("Adapted")}: '
                              f'{len(missing)} missing, {len(reshaped)} of another shape (such as '
                              f'{", ".join((missing + reshaped)[:2])}); use the config that they belong to')
    model.load_state_dict({key: state[key] for key in own}, strict=False)
