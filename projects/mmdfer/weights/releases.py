"""Released checkpoints of adapted CLIP models, brought to the names of our recognisers."""
from __future__ import annotations

import os
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .clip import OPENAI_TOWER, settle
from .errors import CheckpointError, tensors_as_named
from .loading import as_float, rename
from .reading import read_checkpoint
from .states import find_state_dict

_BLOCK = r'^transformer\.resblocks\.(\d+)\.'
_LAYER = r'layers.\1.adapters.'
_ST_ADAPTER = tuple(
    (rf'{_BLOCK}adapter_pre_{place}\.{theirs}\.', f'{_LAYER}st_{place}.{ours}.')
    for place in ('attn', 'mlp')
    for theirs, ours in (('fc1', 'down'), ('conv', 'conv'), ('fc2', 'up')))
_AIM = tuple(
    (rf'{_BLOCK}{letter}_Adapter\.D_fc{number}\.', f'{_LAYER}{name}.{ours}.')
    for letter, name in (('T', 'temporal'), ('S', 'spatial'), ('MLP', 'mlp'))
    for number, ours in ((1, 'down'), (2, 'up')))
_TEMPORAL_LAYER = r'^temporal_transformer\.layers\.(\d+)\.'
_TEMPORAL = ((r'^pos_embedding$', 'pos_embed'),
             (rf'{_TEMPORAL_LAYER}0\.fn\.norm\.', r'layers.\1.ln1.'),
             (rf'{_TEMPORAL_LAYER}0\.fn\.fn\.to_qkv\.', r'layers.\1.attn.qkv.'),
             (rf'{_TEMPORAL_LAYER}0\.fn\.fn\.to_out\.0\.', r'layers.\1.attn.proj.'),
             (rf'{_TEMPORAL_LAYER}1\.fn\.norm\.', r'layers.\1.ln2.'),
             (rf'{_TEMPORAL_LAYER}1\.fn\.fn\.net\.0\.', r'layers.\1.ffn.layers.0.0.'),
             (rf'{_TEMPORAL_LAYER}1\.fn\.fn\.net\.3\.', r'layers.\1.ffn.layers.1.'))


@dataclass
class Release:
    """A released model under our names, the settings that it wants, and the texts of its classes in tokens."""
    state: dict[str, Tensor]
    settings: dict[str, int]
    config: str
    tokens: list[list[int]] = field(default_factory=list)


def read_release(kind: str, path: str | os.PathLike) -> Release:
    """Read a released checkpoint of one of ``RELEASES``.

    Raises:
        CheckpointError: for a file that cannot be read or is not of this release.
    """
    convert, witness = RELEASES[kind]
    state = find_state_dict(read_checkpoint(path), path)
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    if witness not in state:
        raise CheckpointError(f'{path}: no checkpoint of {kind} is recognised in its keys (such as {sorted(state)[:4]}'
                              f'; {witness} is missing); known releases: {", ".join(RELEASES)}')
    with tensors_as_named(path):
        return convert(state, path)


def _under(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


def _st_adapter(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    tower = {key: value for key, value in state.items() if not key.startswith('fc.')}
    head: dict[str, Tensor] = {key: state[key].float() for key in ('fc.weight', 'fc.bias') if key in state}
    ours = dict(_prefixed('backbone.', as_float(settle(rename(tower, (*_ST_ADAPTER, *OPENAI_TOWER))))),
                **_prefixed('cls_head.', head))
    both = any('.adapters.st_attn.' in key for key in ours)
    name = 'st_adapter_24x384' if both else 'st_adapter_12x384'
    return Release(ours, {'cls_head.num_classes': _classes(ours, path)}, f'configs/baselines/{name}_vitb16_dfew.py')


def _aim(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    tower = as_float(settle(rename(_under(state, 'backbone.'), (*_AIM, *OPENAI_TOWER))))
    head = {key.replace('fc_cls.', 'fc.'): value.float() for key, value in _under(state, 'cls_head.').items()}
    ours = dict(_prefixed('backbone.', tower), **_prefixed('cls_head.', head))
    settings = {'cls_head.num_classes': _classes(ours, path),
                'backbone.temporal_embedding': tower['temporal_embedding'].shape[1]}
    return Release(ours, settings, 'configs/baselines/aim_vitb16_dfew.py')


def _classes(state: dict[str, Tensor], path: str | os.PathLike) -> int:
    if 'cls_head.fc.weight' not in state:
        raise CheckpointError(f'{path}: has no classifier; choose the file of the whole fine-tuned model')
    return len(state['cls_head.fc.weight'])


def _dfer_clip(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    table, ctx = state['clip_model_.token_embedding.weight'], state['prompt_learner.ctx']
    text = as_float(settle(rename(_under(state, 'text_encoder.'), OPENAI_TOWER)))
    text.update({'token_embedding.weight': table.float(), 'logit_scale': state['clip_model_.logit_scale'].float()})
    vision = as_float(settle(rename(_under(state, 'image_encoder.'), OPENAI_TOWER)))
    temporal = rename(_under(state, 'temporal_net.'), _TEMPORAL)
    ours = dict(_prefixed('backbone.', vision), **_prefixed('cls_head.text_encoder.', text),
                **_prefixed('cls_head.temporal.', temporal))
    ours['cls_head.prompt_learner.ctx'] = ctx.float()
    # Its code divides cosines by 0.01 and leaves CLIP's own scale unused.
    ours['cls_head.log_scale'] = torch.tensor(100.).log()
    patch = vision['patch_embed.projection.weight'].shape[-1]
    settings = {'cls_head.num_classes': len(ctx), 'cls_head.prompts.context': ctx.shape[1],
                'cls_head.temporal.num_frames': state['temporal_net.pos_embedding'].shape[1] - 1}
    tokens = _spoken(state['prompt_learner.token_suffix'], table, path)
    return Release(ours, settings, f'configs/baselines/dfer_clip_vitb{patch}_dfew.py', tokens)


def _spoken(suffix: Tensor, table: Tensor, path: str | os.PathLike) -> list[list[int]]:
    """The tokens whose embeddings a buffer (K, L, C) holds, for each class up to its end token."""
    known = {row.tobytes(): index for index, row in enumerate(table.float().numpy())}
    tokens = [[known.get(row.tobytes()) for row in rows] for rows in suffix.float().numpy()]
    if any(token is None for rows in tokens for token in rows):
        raise CheckpointError(f'{path}: token_suffix holds embeddings that are not of its own tokens, so the texts of '
                              'its classes cannot be told; choose the file as it was released')
    end = len(table) - 1
    spoken = []
    for row in tokens:
        if end not in row:
            raise CheckpointError(f'{path}: token_suffix has a class text without an end; choose the file as released')
        spoken.append(row[:row.index(end)])
    return spoken


# What reads each release, and a key by which it is known.
RELEASES = {
    'dfer_clip': (_dfer_clip, 'temporal_net.cls_token'),
    'st_adapter': (_st_adapter, 'transformer.resblocks.0.adapter_pre_mlp.fc1.weight'),
    'aim': (_aim, 'backbone.temporal_embedding'),
}
