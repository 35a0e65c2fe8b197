"""From a foreign file's tensors, under our names, into a tower: what fits, what is refused, what is told."""
from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from .added import is_added
from .errors import CheckpointError

MOST_BLOCKS = 1000
# Parts of a file that serve another end, in the words of a report.
_PARTS = (
    ('head', re.compile(r'^(\w+_)?head(_\w+)?\.|^(fc|classifier|\w+_classifier|pooler|pre_logits|last_layer)\.')),
    ('decoder', re.compile(r'^(neck\.)?decoder|^(\w+\.)?mask_token$|^neck\.')),
    ('distillation token', re.compile(r'^dist_token$')),
    ('norm of pooled patches', re.compile(r'^ln2\.')),
    ('projection', re.compile(r'^out_proj\.')),
    ('other', re.compile('')),
)


@dataclass
class TowerFile:
    """A tower's tensors under the names used here, the shapes of what was left out, and what to know of it."""
    state: dict[str, Tensor]
    format: str
    dropped: dict[str, tuple[int, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    quick_gelu: bool | None = None      # which activation it computes with, where the file tells


def describe_dropped(shapes: dict[str, tuple[int, ...]]) -> str:
    """What a file's unused tensors are, part by part, as in ``head of 1000 outputs (head.weight, head.bias)``."""
    parts: dict[str, list[str]] = {}
    for key in shapes:
        part = 'adapters' if is_added(key) else next(name for name, pattern in _PARTS if pattern.search(key))
        parts.setdefault(part, []).append(key)
    told = []
    for name, keys in parts.items():
        matrices = [shapes[key] for key in keys if len(shapes[key]) == 2]
        size = f' of {matrices[-1][0]} outputs' if name == 'head' and matrices else ''
        told.append(f'{name}{size} ({", ".join(keys[:3])}{f" and {len(keys) - 3} more" if len(keys) > 3 else ""})')
    return ', '.join(told)


@dataclass
class LoadReport:
    """What became of each tensor of a file."""
    path: str
    format: str
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    dropped: dict[str, tuple[int, ...]] = field(default_factory=dict)
    resized: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def unexpected(self) -> list[str]:
        """Tensors of the file that were not used."""
        return list(self.dropped)

    def __str__(self) -> str:
        parts = [f'{self.path}: {self.format} format, {len(self.loaded)} tensors loaded']
        for name in ('resized', 'missing'):
            keys = getattr(self, name)
            if keys:
                parts.append(f'{len(keys)} {name} ({", ".join(keys[:6])}{", ..." if len(keys) > 6 else ""})')
        if self.dropped:
            parts.append(f'{len(self.dropped)} not used: {describe_dropped(self.dropped)}')
        return '; '.join(parts + self.notes)


def strip_prefixes(state: dict[str, Tensor], prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """Take off wrappers; a key that several stripped keys would share stays with the first."""
    stripped: dict[str, Tensor] = {}
    for key, value in state.items():
        while key.startswith(prefixes):
            key = key.split('.', 1)[1]
        stripped.setdefault(key, value)
    return stripped


def fuse_qkv(state: dict[str, Tensor], attention: str, parts: tuple[str, str, str]) -> dict[str, Tensor]:
    """Join separate query, key and value of each attention into one qkv matrix, in that order."""
    fused = dict(state)
    first = f'{attention}{parts[0]}.'
    for key in state:
        if first in key:
            tensors = [fused.pop(key.replace(first, f'{attention}{part}.')) for part in parts]
            fused[key.replace(first, f'{attention}qkv.')] = torch.cat(tensors)
    return fused


def rename(state: dict[str, Tensor], rules: tuple[tuple[str, str], ...]) -> dict[str, Tensor]:
    """Tensors under the names that the first rule (pattern, replacement) to change them gives."""
    renamed = {}
    for key, value in state.items():
        for pattern, replacement in rules:
            new = re.sub(pattern, replacement, key)
            if new != key:
                key = new
                break
        renamed[key] = value
    return renamed


def fill(tower: nn.Module, file: TowerFile, path: str | os.PathLike, remedy: Callable[[str], str],
         fields: str = 'model.backbone.arch and patch_size') -> LoadReport:
    """Load a file's tensors into a tower, whole or not at all, and log the report.

    What the tower has beyond the stock model, such as adapters, keeps its values. Position embeddings of
    another number are left to the tower's own hook, if a grid of patches can be resized to its own. A
    projection that the tower does not have is not used.

    Args:
        tower: its parameters have the file's names.
        file: what was read.
        path: where it was read, for messages.
        remedy: what to set for a model that lacks a place for the weight of this name.
        fields: what to set for a model of other sizes.

    Raises:
        CheckpointError: for a file of another width, depth, patch size or activation, or that lacks weights.
    """
    own = {key: value for key, value in tower.state_dict().items() if not is_added(key)}
    state, dropped = dict(file.state), dict(file.dropped)
    if 'out_proj.weight' in state and 'out_proj.weight' not in own:
        dropped['out_proj.weight'] = tuple(state.pop('out_proj.weight').shape)
    report = LoadReport(str(path), file.format, list(state), dropped=dropped, notes=list(file.notes))
    _check_activation(tower, file, path)
    extra = [key for key in state if key not in own]
    if extra:
        raise CheckpointError(f'{path}: has {len(extra)} weights that the model has no place for (such as '
                              f'{extra[:3]}); {remedy(extra[0])}')
    for key, value in state.items():
        if not is_of_kind(value, own[key]):
            raise CheckpointError(
                f'{path}: {key} holds {value.dtype}, the model expects {own[key].dtype}; quantised weights '
                'are not read: choose a file of plain ones')
        if key == 'pos_embed' and value.ndim == 3 and value.shape != own[key].shape and \
                value.shape[-1] == own[key].shape[-1]:
            if not is_square(value.shape[1] - 1):
                raise CheckpointError(f'{path}: {value.shape[1]} position embeddings are not those of a class token '
                                      "and a square of patches, and cannot be resized; set model.backbone.img_size to "
                                      "the file's")
            report.resized.append(key)
        elif value.shape != own[key].shape:
            raise CheckpointError(f'{path}: {key} has shape {tuple(value.shape)}, the model expects '
                                  f'{tuple(own[key].shape)}; the file is of another architecture: choose the config '
                                  f'of its sizes ({fields})')
    report.missing = [key for key in own if key not in state]
    if report.missing:
        raise CheckpointError(f'{path}: lacks {len(report.missing)} weights of the model (such as '
                              f'{report.missing[:3]}); the file is of another architecture or incomplete')
    for key in report.resized:
        state[key] = state[key].float()             # half precision is not interpolated everywhere
    # A copy: the hook that resizes positions writes into what it is given.
    tower.load_state_dict(state, strict=False)
    print_log(str(report), logger='current')
    return report


def _check_activation(tower: nn.Module, file: TowerFile, path: str | os.PathLike) -> None:
    activations = {type(module).__name__ for name, module in tower.named_modules() if name.endswith('ffn.layers.0.1')}
    if file.quick_gelu is None or activations == ({'QuickGELU'} if file.quick_gelu else {'GELU'}):
        return
    wanted = 'mmpretrain.QuickGELU' if file.quick_gelu else 'GELU'
    raise CheckpointError(f'{path}: was trained with {wanted.split(".")[-1]}, the model computes with '
                          f'{", ".join(sorted(activations))}; set layer_cfg=dict(act_cfg=dict(type="{wanted}")) for it')


def is_of_kind(value: Tensor, own: Tensor) -> bool:
    """Whether a tensor's values mean in its type what they mean in the model's: numbers with a fraction, or whole
    ones."""
    kinds = [(tensor.is_floating_point() and tensor.itemsize > 1, tensor.is_complex(), tensor.dtype == torch.bool)
             for tensor in (value, own)]
    return kinds[0] == kinds[1]


def as_float(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Numbers with a fraction in float32."""
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def depth_of(state: dict[str, Tensor], path: str | os.PathLike) -> int:
    """The number of blocks of a tower, by the last of ``layers.0`` to ``layers.<n - 1>``.

    Raises:
        CheckpointError: for more than any model has, which a name alone could make.
    """
    depth = 1 + max(
        (int(match[1]) for match in (re.match(r'layers\.(\d{1,9})\.', key) for key in state) if match), default=-1)
    if not 0 < depth <= MOST_BLOCKS:
        raise CheckpointError(
            f'{path}: names {depth} blocks, where models have 1 to {MOST_BLOCKS}; the file is damaged or of '
            'another architecture')
    return depth


def is_square(number: int) -> bool:
    return number >= 0 and math.isqrt(number) ** 2 == number
