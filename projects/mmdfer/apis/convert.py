"""Foreign image ViT files as safetensors under mmpretrain's names."""
from __future__ import annotations

import json
import os
from pathlib import Path

from mmengine.logging import print_log
from safetensors.torch import save_file
from torch import Tensor

from ..files import whole_file
from ..weights import CheckpointError, TowerFile, describe_dropped, find_state_dict, read_checkpoint, to_mmpretrain
from ..weights.errors import tensors_as_named
from ..weights.loading import depth_of

FORMAT = 'mmdfer-image-vit-1'
_NEEDED = ('cls_token', 'pos_embed', 'patch_embed.projection.weight', 'ln1.weight', 'ln1.bias')
_NEEDED_IN_BLOCK = ('ln1.weight', 'ln2.weight', 'attn.qkv.weight', 'attn.proj.weight', 'ffn.layers.0.0.weight',
                    'ffn.layers.1.weight')


def convert_vit(source: str | os.PathLike, target: str | os.PathLike, force: bool = False) -> str:
    """Write the image ViT of a file of any known format to a safetensors file, whole or not at all.

    Heads, decoders and other parts that features do not need are left out. The file's metadata say where it
    comes from and what was left out.

    Args:
        source: torch or safetensors file.
        target: ends in ``.safetensors``.
        force: write over an existing target.

    Returns:
        The report, which is logged too.

    Raises:
        CheckpointError: for a target of another suffix or one that is there already, and a source that is no
            whole image ViT of a known format.
    """
    check_target(target, force)
    file = to_mmpretrain(find_state_dict(read_checkpoint(source), source), source)
    architecture = describe_architecture(file.state, source)
    report = _report(source, target, file, architecture)
    meta = dict(format=FORMAT, source=str(source), source_format=file.format, architecture=architecture,
                dropped=list(file.dropped), notes=file.notes)
    write_converted(file.state, target, meta)
    print_log(report, logger='current')
    return report


def check_target(target: str | os.PathLike, force: bool) -> None:
    """Refuse a file to write that is no safetensors file or is there already.

    Raises:
        CheckpointError: naming the file and what to do.
    """
    if Path(target).suffix != '.safetensors':
        raise CheckpointError(f'{target}: the result is a safetensors file; give it the suffix .safetensors')
    if Path(target).exists() and not force:
        raise CheckpointError(f'{target}: is there already; give another name, or write over it by --force')


def write_converted(state: dict[str, Tensor], target: str | os.PathLike, meta: dict) -> None:
    """Write tensors and their provenance, whole or not at all."""
    with whole_file(target) as partial:
        # Tensors of a checkpoint may share memory, which safetensors refuses to write.
        save_file({name: tensor.detach().clone().contiguous() for name, tensor in state.items()}, partial,
                  metadata={'mmdfer': json.dumps(meta)})


def describe_architecture(state: dict[str, Tensor], path: str | os.PathLike) -> str:
    """Width, blocks, patch size and positions of an image ViT, in words.

    Raises:
        CheckpointError: if weights are missing.
    """
    with tensors_as_named(path):
        return _describe(state, path)


def _describe(state: dict[str, Tensor], path: str | os.PathLike) -> str:
    depth = depth_of(state, path)
    needed = [*_NEEDED, *(f'layers.{index}.{name}' for index in range(depth) for name in _NEEDED_IN_BLOCK)]
    missing = [name for name in needed if name not in state]
    if missing:
        raise CheckpointError(f'{path}: lacks {len(missing)} weights of an image ViT of {depth} blocks (such as '
                              f'{", ".join(missing[:3])}); the file is incomplete or of another architecture')
    width, _, *patch = state['patch_embed.projection.weight'].shape
    return (f'width {width}, {depth} blocks, patches of {"x".join(map(str, patch))}, '
            f'{state["pos_embed"].shape[1] - 1} of them')


def _report(source, target, file: TowerFile, architecture: str) -> str:
    parts = [f'{source}: {file.format} format, an image ViT ({architecture})',
             f'{len(file.state)} tensors written to {target}']
    if file.dropped:
        parts.append(f'{len(file.dropped)} left out: {describe_dropped(file.dropped)}')
    return '; '.join(parts + file.notes)
