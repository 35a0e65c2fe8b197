"""Released checkpoints, brought to the names of our recognisers; here those of adapted CLIP models."""
from __future__ import annotations

import os

import torch
from torch import Tensor

from .clip import OPENAI_TOWER, settle
from .errors import CheckpointError, tensors_as_named
from .loading import as_float, rename
from .neighbours import NEIGHBOURS
from .reading import read_checkpoint
from .release import NUM_CLASSES, Release, prefixed, under
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
_PE_CLIP = (
    (rf'{_BLOCK}adapter_pre_attn\.(down|up)_proj\.', rf'{_LAYER}sha.core.\2.'),
    (rf'{_BLOCK}adapter_pre_mlp\.adapter_layer_norm_before\.', f'{_LAYER}tda.norm.'),
    (rf'{_BLOCK}adapter_pre_mlp\.scale\.', f'{_LAYER}tda.gate.'),
    (rf'{_BLOCK}adapter_pre_mlp\.rnn\.', f'{_LAYER}tda.recurrent.'),
    (rf'{_BLOCK}adapter_pre_mlp\.(down|up)_proj\.', rf'{_LAYER}tda.\2.'))
_PE_CLIP_TEXT = (_PE_CLIP[0], (_PE_CLIP[-1][0], rf'{_LAYER}ta.\2.'))
_TEMPORAL_LAYER = r'^temporal_transformer\.layers\.(\d+)\.'
_TEMPORAL = ((r'^pos_embedding$', 'pos_embed'),
             (rf'{_TEMPORAL_LAYER}0\.fn\.norm\.', r'layers.\1.ln1.'),
             (rf'{_TEMPORAL_LAYER}0\.fn\.fn\.to_qkv\.', r'layers.\1.attn.qkv.'),
             (rf'{_TEMPORAL_LAYER}0\.fn\.fn\.to_out\.0\.', r'layers.\1.attn.proj.'),
             (rf'{_TEMPORAL_LAYER}1\.fn\.norm\.', r'layers.\1.ln2.'),
             (rf'{_TEMPORAL_LAYER}1\.fn\.fn\.net\.0\.', r'layers.\1.ffn.layers.0.0.'),
             (rf'{_TEMPORAL_LAYER}1\.fn\.fn\.net\.3\.', r'layers.\1.ffn.layers.1.'))


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


def _st_adapter(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    tower = {key: value for key, value in state.items() if not key.startswith('fc.')}
    head: dict[str, Tensor] = {key: state[key].float() for key in ('fc.weight', 'fc.bias') if key in state}
    ours = dict(prefixed('backbone.', as_float(settle(rename(tower, (*_ST_ADAPTER, *OPENAI_TOWER))))),
                **prefixed('cls_head.', head))
    both = any('.adapters.st_attn.' in key for key in ours)
    name = 'st_adapter_24x384' if both else 'st_adapter_12x384'
    return Release(ours, {NUM_CLASSES: _classes(ours, path)}, f'configs/baselines/{name}_vitb16_dfew.py')


def _aim(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    tower = as_float(settle(rename(under(state, 'backbone.'), (*_AIM, *OPENAI_TOWER))))
    head = {key.replace('fc_cls.', 'fc.'): value.float() for key, value in under(state, 'cls_head.').items()}
    ours = dict(prefixed('backbone.', tower), **prefixed('cls_head.', head))
    frames = tower['temporal_embedding'].shape[1]
    settings = {NUM_CLASSES: _classes(ours, path), 'backbone.temporal_embedding': frames}
    return Release(ours, settings, 'configs/baselines/aim_vitb16_dfew.py', frames=frames)


def _classes(state: dict[str, Tensor], path: str | os.PathLike) -> int:
    if 'cls_head.fc.weight' not in state:
        raise CheckpointError(f'{path}: has no classifier; choose the file of the whole fine-tuned model')
    return len(state['cls_head.fc.weight'])


def _dfer_clip(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    ours = _clip_towers(state, 'clip_model_.')
    ours.update(prefixed('cls_head.temporal.', rename(under(state, 'temporal_net.'), _TEMPORAL)))
    ctx, frames = state['prompt_learner.ctx'], state['temporal_net.pos_embedding'].shape[1] - 1
    patch = ours['backbone.patch_embed.projection.weight'].shape[-1]
    tokens = _spoken(state, 'clip_model_.', path)
    settings = {NUM_CLASSES: len(tokens), 'cls_head.prompts.context': ctx.shape[-2],
                'cls_head.temporal.num_frames': frames}
    if ctx.ndim == 2:
        settings['cls_head.prompts.class_specific'] = False
    return Release(ours, settings, f'configs/baselines/dfer_clip_vitb{patch}_dfew.py', tokens,
                   ('dfew', 'ferv39k', 'mafw'), frames)


def _pe_clip(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    ours = _clip_towers(state, 'clip_model.', _PE_CLIP, _PE_CLIP_TEXT)
    learner = under(state, 'prompt_learner.')
    deep, maps = (under(learner, f'compound_prompt{name}.') for name in ('s_text', '_projections'))
    ours.update(prefixed('cls_head.prompt_learner.deep.', as_float(deep)))
    for key, value in as_float(dict(prefixed('-1.', under(learner, 'proj.')), **maps)).items():
        number, _, name = key.partition('.')
        ours[f'cls_head.prompt_learner.couplings.{int(number) + 1}.{name}'] = value
    tokens = _spoken(state, 'clip_model.', path)
    settings = {NUM_CLASSES: len(tokens), 'cls_head.prompts.context': len(learner['ctx']),
                'cls_head.prompts.depth': len(deep) + 1}
    return Release(ours, settings, 'pe_clip/frames_0_to_1@dfew', tokens, ('dfew', 'ferv39k', 'mafw'))


def _clip_towers(state: dict[str, Tensor], clip: str, vision: tuple = (), text: tuple = ()) -> dict[str, Tensor]:
    """Both towers and the context of a model whose whole CLIP is kept under a prefix besides.

    Its code divides cosines by 0.01 and leaves CLIP's own scale unused.
    """
    towers = {place: as_float(settle(rename(under(state, f'{name}_encoder.'), (*rules, *OPENAI_TOWER))))
              for place, name, rules in (('backbone.', 'image', vision), ('cls_head.text_encoder.', 'text', text))}
    towers['cls_head.text_encoder.'].update(
        {'token_embedding.weight': state[f'{clip}token_embedding.weight'].float(),
         'logit_scale': state[f'{clip}logit_scale'].float()})
    ours = {f'{place}{key}': value for place, tower in towers.items() for key, value in tower.items()}
    return dict(ours, **{'cls_head.prompt_learner.ctx': state['prompt_learner.ctx'].float(),
                         'cls_head.log_scale': torch.tensor(100.).log()})


def _spoken(state: dict[str, Tensor], clip: str, path: str | os.PathLike) -> list[list[int]]:
    """The tokens whose embeddings the buffer of texts (K, L, C) holds, for each class up to its end token."""
    suffix, table = state['prompt_learner.token_suffix'], state[f'{clip}token_embedding.weight']
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
    'pe_clip': (_pe_clip, 'prompt_learner.compound_prompt_projections.0.weight'),
    'st_adapter': (_st_adapter, 'transformer.resblocks.0.adapter_pre_mlp.fc1.weight'),
    'aim': (_aim, 'backbone.temporal_embedding'),
    **NEIGHBOURS,
}
