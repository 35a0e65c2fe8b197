"""Image ViT checkpoints of other projects, brought to mmpretrain's key names."""
from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..trained_on import FIELD, TrainedOn
from .added import is_added
from .clip import is_clip, to_clip
from .clip_files import read_with_config
from .errors import CheckpointError, tensors_as_named
from .loading import LoadReport, TowerFile, fill, fuse_qkv, is_square, rename, strip_prefixes

# Wrappers that training code leaves in front of every key.
_PREFIXES = ('module.', '_orig_mod.', 'model.', 'backbone.', 'encoder.', 'vit.', 'deit.', 'visual.')

_TIMM = ((r'^patch_embed\.proj\.', 'patch_embed.projection.'), (r'^blocks\.(\d+)\.norm1\.', r'layers.\1.ln1.'),
         (r'^blocks\.(\d+)\.norm2\.', r'layers.\1.ln2.'), (r'^blocks\.(\d+)\.mlp\.fc1\.', r'layers.\1.ffn.layers.0.0.'),
         (r'^blocks\.(\d+)\.mlp\.fc2\.', r'layers.\1.ffn.layers.1.'),
         (r'^blocks\.(\d+)\.ls1\.gamma$', r'layers.\1.attn.gamma1.weight'),
         (r'^blocks\.(\d+)\.ls2\.gamma$', r'layers.\1.ffn.gamma2.weight'), (r'^blocks\.(\d+)\.', r'layers.\1.'),
         (r'^norm_pre\.', 'pre_norm.'), (r'^norm\.', 'ln1.'), (r'^fc_norm\.', 'ln2.'))
_HF = ((r'^embeddings\.cls_token$', 'cls_token'), (r'^embeddings\.distillation_token$', 'dist_token'),
       (r'^embeddings\.position_embeddings$', 'pos_embed'),
       (r'^embeddings\.patch_embeddings\.projection\.', 'patch_embed.projection.'),
       (r'^layer\.(\d+)\.layernorm_before\.', r'layers.\1.ln1.'), (r'^layer\.(\d+)\.layernorm_after\.',
                                                                    r'layers.\1.ln2.'),
       (r'^layer\.(\d+)\.attention\.output\.dense\.', r'layers.\1.attn.proj.'),
       (r'^layer\.(\d+)\.attention\.attention\.qkv\.', r'layers.\1.attn.qkv.'),
       (r'^layer\.(\d+)\.intermediate\.dense\.', r'layers.\1.ffn.layers.0.0.'),
       (r'^layer\.(\d+)\.output\.dense\.', r'layers.\1.ffn.layers.1.'), (r'^layernorm\.', 'ln1.'))
_MMPRETRAIN = ((r'^layers\.(\d+)\.norm1\.', r'layers.\1.ln1.'), (r'^layers\.(\d+)\.norm2\.', r'layers.\1.ln2.'),
               (r'^norm1\.', 'ln1.'))


def _fuse_hf_attention(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return fuse_qkv(state, '.attention.attention.', ('query', 'key', 'value'))


@dataclass(frozen=True)
class VitFormat:
    """A checkpoint format: how to know it by a key, and how to bring it to mmpretrain's names."""
    name: str
    witness: str
    rules: tuple[tuple[str, str], ...]
    prepare: Callable[[dict], dict] = dict


FORMATS = (
    VitFormat('mmpretrain', r'^layers\.0\.(ln1|norm1)\.weight$', _MMPRETRAIN),
    VitFormat('timm/MAE/DeiT/DINO', r'^blocks\.0\.norm1\.weight$', _TIMM),
    VitFormat('transformers', r'^layer\.0\.layernorm_before\.weight$', _HF, _fuse_hf_attention),
)

# What an image ViT of class tokens is made of, under mmpretrain's names.
_BACKBONE = re.compile(r'^(cls_token$|pos_embed$|patch_embed\.|pre_norm\.|layers\.\d+\.|ln1\.|out_proj\.)')
# What features depend on and no backbone here has a place for.
_FOREIGN = re.compile(r'^(reg_token|register_tokens|embeddings\.register_tokens|rel_pos|rope)')


def to_mmpretrain(state: dict[str, Tensor], path: str | os.PathLike, of_patches: bool = False) -> TowerFile:
    """Bring an image ViT's state dict to mmpretrain's names, without heads, decoders and the like.

    Args:
        state: its tensors.
        path: the file, for messages.
        of_patches: for a backbone that reads the mean of the patches, whose norm is ``ln2``.

    Raises:
        CheckpointError: if the keys are no image ViT's that is known here, or it has register tokens or
            position tables that mmpretrain's does not.
    """
    with tensors_as_named(path):
        return _to_mmpretrain(state, path, of_patches)


def _to_mmpretrain(state: dict[str, Tensor], path: str | os.PathLike, of_patches: bool) -> TowerFile:
    state = strip_prefixes(state, _PREFIXES)
    known = next((known for known in FORMATS if any(re.match(known.witness, key) for key in state)), None)
    if known is None:
        raise CheckpointError(f'{path}: no image ViT is recognised in its keys (such as {sorted(state)[:4]}); known '
                              f'formats: {", ".join(known.name for known in FORMATS)}')
    foreign = [key for key in state if _FOREIGN.match(key)]
    if foreign:
        raise CheckpointError(f'{path}: has {foreign[0]}, which the ViT here does not compute with; its features would '
                              'not be those of its own code: choose a checkpoint without it')
    state = rename(known.prepare(state), known.rules)
    settle_norm = _settle_norm_of_patches if of_patches else _settle_norm
    notes = [note for note in (settle_norm(state), _settle_positions(state), _tell_stages(state)) if note]
    kept = {key: tensor for key, tensor in state.items()
            if (_BACKBONE.match(key) or of_patches and key.startswith('ln2.')) and not is_added(key)}
    dropped = {key: tuple(tensor.shape) for key, tensor in state.items() if key not in kept}
    return TowerFile(kept, known.name, dropped, notes)


def _settle_norm(state: dict[str, Tensor]) -> str:
    """In a model whose head reads the mean of patches, put that mean's norm where the class token's would be."""
    if 'ln1.weight' in state or 'ln2.weight' not in state:
        return ''
    for name in ('weight', 'bias'):
        state[f'ln1.{name}'] = state.pop(f'ln2.{name}')
    return ('its last norm (fc_norm) was trained on the mean of patch tokens and stands in for the class token\'s, '
            'whose features this file did not train: fine-tune it before freezing it')


def _settle_norm_of_patches(state: dict[str, Tensor]) -> str:
    """Give a model that was trained by its class token a new norm for the mean of the patches."""
    weight, bias = (state.pop(f'ln1.{name}', None) for name in ('weight', 'bias'))
    if 'ln2.weight' in state or weight is None or bias is None:
        return ''
    state.update({'ln2.weight': torch.ones_like(weight), 'ln2.bias': torch.zeros_like(bias)})
    return 'its last norm is the class token\'s and is left out; that of the mean of patches (ln2) starts anew'


def _settle_positions(state: dict[str, Tensor]) -> str:
    """Bring position embeddings to one for the class token and one a patch."""
    positions = state.get('pos_embed')
    if positions is None or positions.ndim != 3:
        return ''
    if 'dist_token' in state and not is_square(positions.shape[1] - 1) and is_square(positions.shape[1] - 2):
        state['pos_embed'] = torch.cat([positions[:, :1], positions[:, 2:]], dim=1)
        return ('the distillation token and its position are left out, so features differ a little from those of the '
                'distilled model')
    if is_square(positions.shape[1]) and not is_square(positions.shape[1] - 1):
        state['pos_embed'] = torch.cat([torch.zeros_like(positions[:, :1]), positions], dim=1)
        return 'its class token has no position; a position of zeros was added, which computes the same'
    return ''


def _tell_stages(state: dict[str, Tensor]) -> str:
    """Of S2D's image model the stages are read by a backbone that has them, and by no other."""
    if not any(key.startswith('prompt_blocks.') for key in state):
        return ''
    return ("it is an image model of S2D's, whose features come of its landmark stages too: S2DViT alone reads them "
            '(neighbours/s2d_<set>)')


def load_vit(backbone: nn.Module, path: str | os.PathLike) -> LoadReport:
    """Load an image ViT file of any known format into a backbone with mmpretrain's key names.

    Of a CLIP model's file it takes the vision tower (:mod:`mmdfer.weights.clip`). Adapters of the backbone
    keep their values. Position embeddings of another grid are resized by the backbone's own hook. The report
    is logged: what was loaded, resized, missing and not used, such as a head.

    Args:
        backbone: e.g. :class:`mmdfer.backbones.AdapterViT`.
        path: torch or safetensors file, or a CLIP model's folder.

    Raises:
        CheckpointError: for a file of another width, depth or patch size, or that lacks weights.
    """
    read = read_with_config(path)
    file = to_clip(read)['vision'] if is_clip(read.state) else to_mmpretrain(
        read.state, path, of_patches=getattr(backbone, 'out_type', '') == 'avg_featmap')
    report = fill(backbone, file, path, _remedy)
    if FIELD in read.meta:                      # what training here has left is told of what goes on from it
        setattr(backbone, FIELD, TrainedOn.from_meta(read.meta, str(path)))
    return report


def _remedy(key: str) -> str:
    """What to set for a model that lacks a place for this weight."""
    if '.gamma' in key:
        return 'the file has layer scale: set model.backbone.layer_scale_init_value=1e-5'
    if key.startswith('pre_norm.'):
        return 'the file has a norm before its blocks: set model.backbone.pre_norm=True'
    if re.search(r'\.(q_norm|k_norm|q_bias|v_bias|mlp)\.?|relative_position', key):
        return 'its blocks compute otherwise than those here: choose a plain ViT (timm, MAE, DeiT, DINO)'
    return 'the file is of another depth: set model.backbone.arch to match'
