"""CLIP models of OpenAI, open_clip, transformers and Long-CLIP: both towers, brought to the names used here."""
from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .clip_files import ClipRead, read_with_config
from .errors import CheckpointError, tensors_as_named
from .loading import LoadReport, TowerFile, depth_of, fill, fuse_qkv, rename, strip_prefixes

CONTEXT, LONG_CONTEXT, KEPT = 77, 248, 20       # Long-CLIP keeps the first rows of CLIP's table
_PREFIXES = ('module.', '_orig_mod.', 'model.', 'clip_model.', 'clip.')

# OpenAI's names within either tower; the releases built on CLIP use them, too.
OPENAI_TOWER = (
    (r'^transformer\.resblocks\.(\d+)\.ln_(\d)\.', r'layers.\1.ln\2.'),
    (r'^transformer\.resblocks\.(\d+)\.attn\.in_proj_', r'layers.\1.attn.qkv.'),
    (r'^transformer\.resblocks\.(\d+)\.attn\.out_proj\.', r'layers.\1.attn.proj.'),
    (r'^transformer\.resblocks\.(\d+)\.mlp\.c_fc\.', r'layers.\1.ffn.layers.0.0.'),
    (r'^transformer\.resblocks\.(\d+)\.mlp\.c_proj\.', r'layers.\1.ffn.layers.1.'),
    (r'^transformer\.resblocks\.(\d+)\.ls_1\.gamma$', r'layers.\1.attn.gamma1.weight'),
    (r'^transformer\.resblocks\.(\d+)\.ls_2\.gamma$', r'layers.\1.ffn.gamma2.weight'),
    (r'^transformer\.resblocks\.(\d+)\.', r'layers.\1.'), (r'^class_embedding$', 'cls_token'),
    (r'^positional_embedding$', 'pos_embed'), (r'^conv1\.', 'patch_embed.projection.'), (r'^ln_pre\.', 'pre_norm.'),
    (r'^ln_post\.', 'ln1.'), (r'^(text_)?proj(ection)?$', 'out_proj.transposed'),
    (r'^text_projection\.weight$', 'out_proj.weight'))
_TRANSFORMERS_TOWER = (
    (r'^encoder\.layers\.(\d+)\.layer_norm(\d)\.', r'layers.\1.ln\2.'),
    (r'^encoder\.layers\.(\d+)\.self_attn\.qkv\.', r'layers.\1.attn.qkv.'),
    (r'^encoder\.layers\.(\d+)\.self_attn\.out_proj\.', r'layers.\1.attn.proj.'),
    (r'^encoder\.layers\.(\d+)\.mlp\.fc1\.', r'layers.\1.ffn.layers.0.0.'),
    (r'^encoder\.layers\.(\d+)\.mlp\.fc2\.', r'layers.\1.ffn.layers.1.'),
    (r'^embeddings\.class_embedding$', 'cls_token'),
    (r'^embeddings\.position_embedding\.weight$', 'pos_embed'),
    (r'^embeddings\.patch_embedding\.', 'patch_embed.projection.'),
    (r'^embeddings\.token_embedding\.', 'token_embedding.'),
    (r'^pre_layrnorm\.', 'pre_norm.'), (r'^post_layernorm\.', 'ln1.'), (r'^final_layer_norm\.', 'ln_final.'))
_SCALARS = re.compile(r'(^|\.)(input_resolution|context_length|vocab_size|attn_mask|position_ids)$')
# What no tower here computes, by a key that shows it.
_OTHER_MODELS = (
    (r'^visual\.layer1\.', 'a ResNet', 'choose a ViT'),
    (r'^visual\.(trunk|attn_pool)\.', 'not CLIP\'s own ViT', 'choose a ViT-B/32, ViT-B/16 or ViT-L/14'),
    (r'^(text_decoder\.|(text\.)?cls_emb$)', 'CoCa\'s, whose text tower has a class token', 'choose a CLIP model'),
    (r'^logit_bias$', 'trained with SigLIP\'s sigmoid loss', 'choose a CLIP model'),
)


@dataclass
class ClipFile:
    """Both towers of a file; either may be absent."""
    path: str
    format: str
    towers: dict[str, TowerFile]

    def __getitem__(self, part: str) -> TowerFile:
        if part not in self.towers:
            raise CheckpointError(f'{self.path}: has no {part} tower, only {", ".join(self.towers)}; choose the file '
                                  'of the whole model')
        return self.towers[part]


def _split_openai(state: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    towers: dict[str, dict[str, Tensor]] = dict(vision={}, text={})
    for key, value in state.items():
        part = 'vision' if key.startswith('visual.') else 'text'
        # open_clip's models with a text tower of its own class keep it under ``text.``.
        towers[part][re.sub(r'^(visual|text)\.', '', key)] = value
    return {part: rename(tower, OPENAI_TOWER) for part, tower in towers.items()}


def _split_transformers(state: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    towers: dict[str, dict[str, Tensor]] = dict(vision={}, text={})
    for key, value in state.items():
        part = 'vision' if key.startswith(('vision_model.', 'visual_projection.')) else 'text'
        key = re.sub(r'^(visual|text)_projection\.', 'out_proj.', key)
        towers[part][re.sub(r'^(vision|text)_model\.', '', key)] = value
    return {part: rename(fuse_qkv(tower, '.self_attn.', ('q_proj', 'k_proj', 'v_proj')), _TRANSFORMERS_TOWER)
            for part, tower in towers.items()}


def _split_own(state: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    return {part: {key[len(part) + 1:]: value for key, value in state.items() if key.startswith(f'{part}.')}
            for part in ('vision', 'text')}


# Format, a key that tells it, and how to split the state into towers.
_FORMATS = (
    ('mmdfer', r'^(vision|text)\.layers\.0\.ln1\.weight$', _split_own),
    ('transformers CLIP', r'^(vision|text)_model\.encoder\.layers\.0\.self_attn\.q_proj\.weight$', _split_transformers),
    ('Long-CLIP', r'^positional_embedding_res$', _split_openai),
    ('OpenAI/open_clip', r'^(visual\.|text\.)?transformer\.resblocks\.0\.attn\.in_proj_weight$', _split_openai),
)


def _format(state: dict[str, Tensor]) -> tuple | None:
    keys = [re.sub(rf'^({"|".join(map(re.escape, _PREFIXES))})+', '', key) for key in state]
    return next((known for known in _FORMATS if any(re.match(known[1], key) for key in keys)), None)


def is_clip(state: dict[str, Tensor]) -> bool:
    """Whether a state dict is a CLIP model's, or one of its towers'."""
    return _format(state) is not None or any(re.match(_OTHER_MODELS[0][0], key) for key in state)


def to_clip(read: ClipRead) -> ClipFile:
    """Bring a CLIP file's tensors to the names of ``AdapterViT`` and ``CLIPTextEncoder``, of the file's own types.

    Raises:
        CheckpointError: if it is no CLIP model of a format known here, or one that computes otherwise.
    """
    with tensors_as_named(read.path):
        return _to_clip(read)


def _to_clip(read: ClipRead) -> ClipFile:
    state = strip_prefixes(read.state, _PREFIXES)
    for pattern, what, remedy in _OTHER_MODELS:
        if any(re.match(pattern, key) for key in state):
            raise CheckpointError(f'{read.path}: is {what}, which the towers here do not compute; {remedy}')
    known = _format(state)
    if known is None:
        raise CheckpointError(f'{read.path}: no CLIP model is recognised in its keys (such as {sorted(state)[:4]}); '
                              f'known formats: {", ".join(name for name, _, _ in _FORMATS)}')
    name, _, split = known
    towers = {}
    for part, tower in split(state).items():
        scalars = {key: tuple(value.shape) for key, value in tower.items() if _SCALARS.search(key)}
        tower = {key: value for key, value in tower.items() if key not in scalars}
        if any(key.startswith('layers.0.') for key in tower):
            quick_gelu = True if name == 'Long-CLIP' else read.quick_gelu
            file = TowerFile(settle(tower), name, scalars, quick_gelu=quick_gelu)
            if quick_gelu is None:
                file.notes.append('the file does not tell whether it computes with QuickGELU (OpenAI\'s do) or GELU '
                                  '(most of open_clip\'s own); the config must')
            towers[part] = file
    if 'text' in towers and 'logit_scale' not in towers['text'].state:
        towers['text'].state['logit_scale'] = torch.tensor(math.log(100))
        towers['text'].notes.append('it has no logit_scale; ln 100, where CLIP\'s training ends, stands in')
    return ClipFile(str(read.path), name, towers)


def settle(tower: dict[str, Tensor]) -> dict[str, Tensor]:
    """Bring a tower's tables and projection to the shapes used here."""
    tower = dict(tower)
    if 'out_proj.transposed' in tower:
        tower['out_proj.weight'] = tower.pop('out_proj.transposed').T.contiguous()
    if 'positional_embedding_res' in tower:
        kept, learned = tower['pos_embed'], tower.pop('positional_embedding_res')
        tower['pos_embed'] = torch.cat([kept[:KEPT], learned[KEPT:]])
    for key in ('cls_token', 'pos_embed'):
        if key in tower:
            tower[key] = tower[key].reshape(1, -1, tower[key].shape[-1])
    return tower


def stretch_positions(table: Tensor) -> Tensor:
    """CLIP's position table (1, 77, C) as Long-CLIP's start (1, 248, C) (Zhang et al., ECCV 2024).

    The first 20 rows stay; between each two of the rest three are put at even steps, and the last step goes on
    behind the last row.
    """
    kept, rest = table[:, :KEPT], table[:, KEPT:]
    step = rest[:, 1:] - rest[:, :-1]
    step = torch.cat([step, step[:, -1:]], dim=1)
    quarters = torch.arange(4, dtype=table.dtype)[:, None] / 4
    # (1, 57, C) -> (1, 57, 4, C) -> (1, 228, C)
    return torch.cat([kept, (rest[:, :, None] + quarters * step[:, :, None]).flatten(1, 2)], dim=1)


def load_clip_text(encoder: nn.Module, path: str | os.PathLike) -> LoadReport:
    """Load the text tower of a CLIP file of any known format.

    Adapters of the encoder keep their values. For an encoder of 248 positions a table of 77 is stretched as
    Long-CLIP's start. The report is logged.

    Raises:
        CheckpointError: for a file of another width, depth, context or activation, or that lacks weights.
    """
    file = to_clip(read_with_config(path))['text']
    positions = file.state.get('pos_embed')
    stretched = positions is not None and positions.shape[1] == CONTEXT and encoder.context_length == LONG_CONTEXT
    if stretched:
        file.state['pos_embed'] = stretch_positions(positions.float())
        file.notes.append(f'its {CONTEXT} positions were stretched to {LONG_CONTEXT}, which want training')
    elif positions is not None and positions.shape[1] != encoder.context_length:
        raise CheckpointError(f'{path}: has {positions.shape[1]} text positions, the model {encoder.context_length}; '
                              f"set the text encoder's context_length={positions.shape[1]}")
    return fill(encoder, file, path, _remedy, 'arch of the text encoder')


def _remedy(key: str) -> str:
    if re.match(r'layers\.\d+\.', key) and '.gamma' not in key:
        return "the file is of another depth: set the text encoder's arch to match"
    return 'its text tower computes otherwise than the one here: choose a CLIP model'


def text_sizes(path: str | os.PathLike) -> dict:
    """Sizes of a CLIP file's text tower, as ``CLIPTextEncoder`` wants them; heads are 64 wide, as in all of them.

    Raises:
        CheckpointError: as :func:`load_clip_text`, and for a tower without a projection.
    """
    with tensors_as_named(path):
        return _text_sizes(to_clip(read_with_config(path))['text'].state, path)


def _text_sizes(state: dict[str, Tensor], path: str | os.PathLike) -> dict:
    depth = depth_of(state, path)
    if 'out_proj.weight' not in state:
        raise CheckpointError(f'{path}: has no text projection; choose the file of the whole model')
    proj_dim, width = state['out_proj.weight'].shape
    return dict(embed_dims=width, num_layers=depth, num_heads=width // 64,
                feedforward_channels=state['layers.0.ffn.layers.0.0.weight'].shape[0], proj_dim=proj_dim)
