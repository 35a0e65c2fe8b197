"""Image ViT checkpoints of other projects, brought to mmpretrain's key names."""
from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from .reading import CheckpointError, find_state_dict, read_checkpoint

# Wrappers that training code leaves in front of every key.
_PREFIXES = ('module.', '_orig_mod.', 'model.', 'backbone.', 'encoder.', 'vit.', 'visual.')

_TIMM = ((r'^patch_embed\.proj\.', 'patch_embed.projection.'), (r'^blocks\.(\d+)\.norm1\.', r'layers.\1.ln1.'),
         (r'^blocks\.(\d+)\.norm2\.', r'layers.\1.ln2.'), (r'^blocks\.(\d+)\.mlp\.fc1\.', r'layers.\1.ffn.layers.0.0.'),
         (r'^blocks\.(\d+)\.mlp\.fc2\.', r'layers.\1.ffn.layers.1.'), (r'^blocks\.(\d+)\.', r'layers.\1.'),
         (r'^(fc_)?norm\.', 'ln1.'))
_HF = ((r'^embeddings\.cls_token$', 'cls_token'), (r'^embeddings\.position_embeddings$', 'pos_embed'),
       (r'^embeddings\.patch_embeddings\.projection\.', 'patch_embed.projection.'),
       (r'^layer\.(\d+)\.layernorm_before\.', r'layers.\1.ln1.'), (r'^layer\.(\d+)\.layernorm_after\.',
                                                                    r'layers.\1.ln2.'),
       (r'^layer\.(\d+)\.attention\.output\.dense\.', r'layers.\1.attn.proj.'),
       (r'^layer\.(\d+)\.attention\.attention\.qkv\.', r'layers.\1.attn.qkv.'),
       (r'^layer\.(\d+)\.intermediate\.dense\.', r'layers.\1.ffn.layers.0.0.'),
       (r'^layer\.(\d+)\.output\.dense\.', r'layers.\1.ffn.layers.1.'), (r'^layernorm\.', 'ln1.'))
_MMPRETRAIN = ((r'^layers\.(\d+)\.norm1\.', r'layers.\1.ln1.'), (r'^layers\.(\d+)\.norm2\.', r'layers.\1.ln2.'),
               (r'^norm1\.', 'ln1.'))


def _strip_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take off wrappers; a key that several stripped keys would share stays with the first."""
    stripped: dict[str, Tensor] = {}
    for key, value in state.items():
        while key.startswith(_PREFIXES):
            key = key.split('.', 1)[1]
        stripped.setdefault(key, value)
    return stripped


def _fuse_hf_attention(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Join transformers' separate query, key and value into one qkv matrix, in that order."""
    fused = dict(state)
    for key in state:
        if '.attention.attention.query.' in key:
            parts = [fused.pop(key.replace('.query.', f'.{part}.')) for part in ('query', 'key', 'value')]
            fused[key.replace('.query.', '.qkv.')] = torch.cat(parts)
    return fused


def _rename(state: dict[str, Tensor], rules: tuple[tuple[str, str], ...]) -> dict[str, Tensor]:
    renamed = {}
    for key, value in state.items():
        for pattern, replacement in rules:
            new = re.sub(pattern, replacement, key)
            if new != key:
                key = new
                break
        renamed[key] = value
    return renamed


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


@dataclass
class LoadReport:
    """What became of each tensor of a file."""
    path: str
    format: str
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    resized: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [f'{self.path}: {self.format} format, {len(self.loaded)} tensors loaded']
        for name in ('resized', 'missing', 'unexpected'):
            keys = getattr(self, name)
            if keys:
                parts.append(f'{len(keys)} {name} ({", ".join(keys[:6])}{", ..." if len(keys) > 6 else ""})')
        return '; '.join(parts)


def to_mmpretrain(state: dict[str, Tensor], path: str | os.PathLike) -> tuple[dict[str, Tensor], str]:
    """Bring an image ViT's state dict to mmpretrain's names; also the name of the format it had.

    Raises:
        CheckpointError: if the keys are no image ViT's that is known here.
    """
    state = _strip_prefixes(state)
    for known in FORMATS:
        if any(re.match(known.witness, key) for key in state):
            return _rename(known.prepare(state), known.rules), known.name
    raise CheckpointError(f'{path}: no image ViT is recognised in its keys (such as {sorted(state)[:4]}); known formats: '
                          f'{", ".join(known.name for known in FORMATS)}')


def load_vit(backbone: nn.Module, path: str | os.PathLike) -> LoadReport:
    """Load an image ViT file of any known format into a backbone with mmpretrain's key names.

    Adapters of the backbone keep their values. Position embeddings of another grid are resized by the
    backbone's own hook. The report is logged: what was loaded, resized, missing and not used, such as a
    head.

    Args:
        backbone: e.g. :class:`mmdfer.backbones.AdapterViT`.
        path: torch or safetensors file.

    Raises:
        CheckpointError: for a file of another width, depth or patch size, or that lacks weights.
    """
    state, name = to_mmpretrain(find_state_dict(read_checkpoint(path), path), path)
    report = LoadReport(str(path), name)
    own = {key: value for key, value in backbone.state_dict().items() if '.adapters.' not in key}
    for key, value in state.items():
        if key not in own:
            report.unexpected.append(key)
        elif key == 'pos_embed' and value.shape != own[key].shape and value.shape[-1] == own[key].shape[-1]:
            report.resized.append(key)
        elif value.shape != own[key].shape:
            raise CheckpointError(f'{path}: {key} has shape {tuple(value.shape)}, the model expects '
                                  f'{tuple(own[key].shape)}; the file is of another architecture: choose the config '
                                  "of its width, patch size and depth (model.backbone.arch and patch_size)")
    report.missing = [key for key in own if key not in state]
    if report.missing:
        raise CheckpointError(f'{path}: lacks {len(report.missing)} weights of the model (such as {report.missing[:3]}); '
                              'the file is of another architecture or incomplete')
    extra = [key for key in report.unexpected if key.startswith('layers.')]
    if extra:
        raise CheckpointError(f'{path}: has {len(extra)} block weights that the model has no place for (such as '
                              f'{extra[:3]}); the file is of another depth: set model.backbone.arch to match')
    report.loaded = [key for key in state if key in own]
    backbone.load_state_dict({key: state[key] for key in report.loaded}, strict=False)
    print_log(str(report), logger='current')
    return report
