"""DK-CLIP's released files (ACM MM 2024): both towers of CLIP, the second stack, and what reads and is read behind."""
from __future__ import annotations

import os

from torch import Tensor

from ..errors import CheckpointError
from ..release import Release, bring

WITNESS = 'prompts_generator_cmam.alpha'
SETS = ('dfew', 'ferv39k', 'mafw')
ORDERS = dict(dfew='official', ferv39k='dfer_clip', mafw='dfer_clip')
_PARTS = (('attn.in_proj_', 'attn.qkv.'), ('attn.out_proj.', 'attn.proj.'), ('mlp.c_fc.', 'ffn.layers.0.0.'),
          ('mlp.c_proj.', 'ffn.layers.1.'), ('ln_1.', 'ln1.'), ('ln_2.', 'ln2.'))
_MESSAGE = (('message_fc.', 'message.fc.'), ('message_ln.', 'message.ln.'),
            ('message_attn.in_proj_', 'message.attn.qkv.'), ('message_attn.out_proj.', 'message.attn.proj.'))
_ENDS = '(weight|bias)'


def _blocks(theirs: str, ours: str, parts: tuple = _PARTS) -> list[tuple[str, str]]:
    """Rules for the blocks of a transformer."""
    return [(rf'{theirs}resblocks\.(\d+)\.{part.replace(".", chr(92) + ".")}{_ENDS}', rf'{ours}layers.\1.{place}\2')
            for part, place in parts]


def _image(theirs: str, ours: str) -> list[tuple[str, str]]:
    """Rules for an image tower, or what the second stack has of one."""
    return [(rf'{theirs}\.class_embedding', f'{ours}cls_token'),
            (rf'{theirs}\.positional_embedding', f'{ours}pos_embed'),
            (rf'{theirs}\.ln_pre\.{_ENDS}', rf'{ours}pre_norm.\1'),
            *_blocks(rf'{theirs}\.transformer\.', ours, (*_PARTS, *_MESSAGE))]


_TEXT, _INTEGRATION, _ENHANCER = (f'cls_head.{part}.' for part in ('text_encoder', 'integration', 'enhancer'))
_DECODER = (('cross_attn.q_proj', ) * 2, ('cross_attn.k_proj', ) * 2, ('cross_attn.v_proj', ) * 2,
            ('cross_attn.proj', ) * 2, ('norm1', 'ln1'), ('norm3', 'ln2'), ('mlp.0', 'mlp.0'), ('mlp.3', 'mlp.2'))
RULES = [
    *_image('visual', 'backbone.'), (r'visual\.conv1\.weight', 'backbone.patch_embed.projection.weight'),
    (rf'visual\.ln_post\.{_ENDS}', r'backbone.ln1.\1'), (r'visual\.proj', 'backbone.out_proj.weight'),
    *_image('visual_semantic', 'backbone.semantic_stack.'),
    (rf'prompts_visual_ln\.{_ENDS}', r'backbone.patch_norm.\1'),
    ('prompts_visual_proj', 'backbone.patch_proj.weight'),
    ('msim.positional_embedding', f'{_INTEGRATION}pos_embed'), *_blocks(r'msim\.', _INTEGRATION),
    (r'prompts_generator_cmam\.alpha', f'{_ENHANCER}alpha'),
    (rf'prompts_generator_cmam\.norm\.{_ENDS}', rf'{_ENHANCER}ln.\1'),
    *((rf'prompts_generator_cmam\.decoder\.(\d+)\.{theirs}\.{_ENDS}', rf'{_ENHANCER}layers.\1.{ours}.\2')
      for theirs, ours in _DECODER),
    ('positional_embedding', f'{_TEXT}pos_embed'), ('text_projection', f'{_TEXT}out_proj.weight'),
    (r'token_embedding\.weight', f'{_TEXT}token_embedding.weight'),
    (rf'ln_final\.{_ENDS}', rf'{_TEXT}ln_final.\1'), *_blocks(r'transformer\.', _TEXT),
    ('logit_scale', 'cls_head.log_scale')
]
# The class token of the second stack goes through a norm and a projection that nothing reads.
UNUSED = (rf'visual_semantic\.ln_post\.{_ENDS}', r'visual_semantic\.proj')
_TRANSPOSED = ('backbone.out_proj.weight', 'backbone.patch_proj.weight', f'{_TEXT}out_proj.weight')
_TABLES = ('cls_token', 'pos_embed')


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """A release under our names. Nothing in it goes by class: the class texts are in the authors' code.

    Raises:
        CheckpointError: for a tensor that is not DK-CLIP's, or one that is missing.
    """
    ours, unused = bring(state, RULES, path, 'dk_clip', UNUSED)
    if 'cls_head.log_scale' not in ours:
        raise CheckpointError(f'{path}: logit_scale is missing; choose the file as it was released')
    for name in _TRANSPOSED:
        if name in ours:
            ours[name] = ours[name].T.contiguous()
    for name in ours:
        if name.endswith(_TABLES):
            ours[name] = ours[name].reshape(1, -1, ours[name].shape[-1])
    ours[f'{_TEXT}logit_scale'] = ours['cls_head.log_scale'].clone()
    return Release(ours, {}, 'configs/neighbours/dk_clip_dfew.py', sets=SETS, orders=ORDERS,
                   unused=unused, whole=True,
                   note='its class texts are not in the file: write those of the authors\' labels2prompt, as lines '
                        '"class: text", into a file for model.cls_head.texts.file, with which its scores are the '
                        'release\'s')
