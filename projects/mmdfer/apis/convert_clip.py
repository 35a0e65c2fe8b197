"""CLIP models of any known format as one safetensors file of both towers under the names used here."""
from __future__ import annotations

import os

from mmengine.logging import print_log
from torch import Tensor

from ..weights import CheckpointError, describe_dropped, read_with_config, to_clip
from ..weights.clip import ClipFile
from ..weights.errors import tensors_as_named
from ..weights.loading import as_float, depth_of
from .convert import check_target, write_converted

FORMAT = 'mmdfer-clip-1'
_BLOCK = tuple(f'{name}.{kind}' for name in ('ln1', 'attn.qkv', 'attn.proj', 'ln2', 'ffn.layers.0.0', 'ffn.layers.1')
               for kind in ('weight', 'bias'))
_NEEDED = dict(
    vision=('cls_token', 'pos_embed', 'patch_embed.projection.weight', 'pre_norm.weight', 'pre_norm.bias', 'ln1.weight',
            'ln1.bias', 'out_proj.weight'),
    text=('token_embedding.weight', 'pos_embed', 'ln_final.weight', 'ln_final.bias', 'out_proj.weight'))


def convert_clip(source: str | os.PathLike, target: str | os.PathLike, force: bool = False,
                 formats: tuple[str, ...] = ()) -> str:
    """Write both towers of a CLIP model to a safetensors file, as ``vision.*`` and ``text.*``, in float32.

    ``AdapterViT`` and ``CLIPTextEncoder`` each take their part of it by ``init_cfg``. The file's metadata say
    where it comes from and, if the source tells, which activation it computes with.

    Args:
        source: torch, TorchScript or safetensors file, or a folder of transformers or open_clip.
        target: ends in ``.safetensors``.
        force: write over an existing target.
        formats: refuse a file of another format than these.

    Returns:
        The report, which is logged too.

    Raises:
        CheckpointError: for a target of another suffix or one that is there already, and a source that is no
            whole CLIP model of a known format.
    """
    check_target(target, force)
    read = read_with_config(source)
    file = to_clip(read)
    if formats and file.format not in formats:
        raise CheckpointError(f'{source}: is of {file.format} format, expected {" or ".join(formats)}; convert it by '
                              'mmdfer convert clip, which knows them all')
    architecture = describe_clip(file)
    state = {f'{part}.{key}': tensor for part, tower in file.towers.items()
             for key, tensor in as_float(tower.state).items()}
    dropped = {key: shape for tower in file.towers.values() for key, shape in tower.dropped.items()}
    notes = list(dict.fromkeys(note for tower in file.towers.values() for note in tower.notes))
    quick_gelu = next(iter(file.towers.values())).quick_gelu
    write_converted(state, target, dict(format=FORMAT, source=str(source), source_format=file.format, notes=notes,
                                        architecture=architecture, dropped=list(dropped), quick_gelu=quick_gelu))
    parts = [f'{source}: {file.format} format, {architecture}', f'{len(state)} tensors written to {target}']
    if dropped:
        parts.append(f'{len(dropped)} left out: {describe_dropped(dropped)}')
    report = '; '.join(parts + notes)
    print_log(report, logger='current')
    return report


def describe_clip(file: ClipFile) -> str:
    """Widths, blocks, patch size and positions of the towers, in words.

    Raises:
        CheckpointError: if weights are missing.
    """
    with tensors_as_named(file.path):
        return ', '.join(_describe_tower(part, tower.state, file.path) for part, tower in file.towers.items())


def _describe_tower(part: str, state: dict[str, Tensor], path: str) -> str:
    depth = depth_of(state, path)
    needed = [*_NEEDED[part], *(f'layers.{index}.{name}' for index in range(depth) for name in _BLOCK)]
    missing = [name for name in needed if name not in state]
    if missing:
        raise CheckpointError(f'{path}: lacks {len(missing)} weights of a {part} tower of {depth} blocks (such as '
                              f'{", ".join(missing[:3])}); the file is incomplete or of another architecture')
    width, positions = state['pos_embed'].shape[2], state['pos_embed'].shape[1]
    if part == 'text':
        return f'text tower (width {width}, {depth} blocks, {positions} positions)'
    patch = 'x'.join(map(str, state['patch_embed.projection.weight'].shape[2:]))
    return f'vision tower (width {width}, {depth} blocks, patches of {patch}, {positions - 1} of them)'
