"""CLAIP-Emo's released files, of which the video branch is a model by itself, without a classifier."""
from __future__ import annotations

import os

from torch import Tensor

from ..release import Release, bring
from .pre_norm import pre_norm
from .sizes import HEAD, extent, fused, others, vit_settings

# The names that peft's wrappers give, of older and newer versions.
_TOWER = r'vision_encoder\.(?:base_model\.)?(?:model\.)*vision_model\.'
_BLOCK, _LAYER = _TOWER + r'encoder\.layers\.(\d+)\.', r'backbone.layers.\1.'
_BASE, _SET = r'(?:base_layer\.)?(weight|bias)', r'\.(?:default\.)?weight'
RULES = (
    (_TOWER + r'embeddings\.class_embedding', 'backbone.cls_token'),
    (_TOWER + r'embeddings\.patch_embedding\.weight', 'backbone.patch_embed.projection.weight'),
    (_TOWER + r'embeddings\.position_embedding\.weight', 'backbone.pos_embed'),
    (_TOWER + r'pre_layrnorm\.(.+)', r'backbone.pre_norm.\1'),
    (_TOWER + r'post_layernorm\.(.+)', r'backbone.ln1.\1'),
    (_BLOCK + r'layer_norm(\d)\.(.+)', _LAYER + r'ln\2.\3'),
    (_BLOCK + r'self_attn\.([qkv])_proj\.' + _BASE, _LAYER + r'attn.\2.\3'),
    (_BLOCK + r'self_attn\.([qkv])_proj\.lora_A' + _SET, _LAYER + r'attn.qkv.lora_\2.down.weight'),
    (_BLOCK + r'self_attn\.([qkv])_proj\.lora_B' + _SET, _LAYER + r'attn.qkv.lora_\2.up.weight'),
    *((_BLOCK + layer + r'\.' + theirs, _LAYER + ours) for layer, place in (
        (r'self_attn\.out_proj', 'attn.proj.'), (r'mlp\.fc1', 'ffn.layers.0.0.'), (r'mlp\.fc2', 'ffn.layers.1.'))
      for theirs, ours in ((_BASE, place + r'\2'), ('lora_A' + _SET, f'{place}lora_down.weight'),
                           ('lora_B' + _SET, f'{place}lora_up.weight'))),
    (r'temporal_v\.cls_token', 'cls_head.temporal.cls_token'),
    (r'temporal_v\.pos_embedding', 'cls_head.temporal.pos_embed'),
    *pre_norm(r'temporal_v\.temporal_transformer', 'cls_head.temporal.layers'),
)
# The audio branch, and what joins both: its module is not in the release.
UNUSED = (r'audio_encoder\..+', r'temporal_a\..+', r'fusion_module\..+', _TOWER + r'embeddings\.position_ids')
CONFIG = 'neighbours/claip_emo_dfew'
SIZES = {
    'backbone.arch.embed_dims': 768, 'backbone.arch.num_layers': 12, 'backbone.arch.num_heads': 12,
    'backbone.arch.feedforward_channels': 3072, 'backbone.patch_size': 16, 'backbone.img_size': 224,
    'backbone.lora.rank': 8, 'cls_head.in_channels': 768, 'cls_head.temporal.in_channels': 768,
    'cls_head.temporal.num_frames': 16, 'cls_head.temporal.num_layers': 1, 'cls_head.temporal.num_heads': 8,
    'cls_head.temporal.feedforward_channels': 1024,
}
WITNESS = 'temporal_v.cls_token'


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """CLIP's image tower with LoRA, and the temporal transformer.

    Raises:
        CheckpointError: for a tensor of another system, or one that is missing.
    """
    ours, unused = bring(state, RULES, path, "CLAIP-Emo's video branch", UNUSED)
    ours = fused(ours, '.attn.', ('q', 'k', 'v'), path)
    if 'backbone.cls_token' in ours:
        ours['backbone.cls_token'] = ours['backbone.cls_token'][None, None]
    if 'backbone.pos_embed' in ours:
        ours['backbone.pos_embed'] = ours['backbone.pos_embed'][None]
    positions = extent(ours, 'cls_head.temporal.pos_embed', 1)
    inner = extent(ours, 'cls_head.temporal.layers.0.attn.qkv.weight')
    rank = extent(ours, 'backbone.layers.0.attn.qkv.lora_q.down.weight')
    width = extent(ours, 'backbone.ln1.weight')
    layers = {name.split('.')[3] for name in ours if name.startswith('cls_head.temporal.layers.')}
    sizes = vit_settings(ours, SIZES, path) | others({
        'backbone.lora.rank': rank,
        'cls_head.in_channels': width,
        'cls_head.temporal.in_channels': extent(ours, 'cls_head.temporal.cls_token', 2),
        'cls_head.temporal.num_frames': None if positions is None else positions - 1,
        'cls_head.temporal.num_layers': len(layers),
        'cls_head.temporal.num_heads': None if inner is None else inner // (3 * HEAD),
        'cls_head.temporal.feedforward_channels': extent(ours, 'cls_head.temporal.layers.0.ffn.layers.0.0.bias'),
    }, SIZES)
    return Release(ours, sizes, CONFIG, sets=('dfew', 'mafw'), frames=None if positions is None else positions - 1,
                   unused=unused, whole=True, headless=True)
