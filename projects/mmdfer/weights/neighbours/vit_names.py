"""Names of an image ViT in timm's code, which several releases have for their tower, as those of our backbone."""
from __future__ import annotations

_LAYER = r'backbone.layers.\1.'
#: Token, positions, patches and blocks; what stands behind the blocks differs between releases.
VIT_RULES = (
    (r'cls_token|pos_embed', r'backbone.\g<0>'),
    (r'patch_embed\.proj\.(weight|bias)', r'backbone.patch_embed.projection.\1'),
    (r'blocks\.(\d+)\.norm([12])\.(weight|bias)', rf'{_LAYER}ln\2.\3'),
    (r'blocks\.(\d+)\.attn\.((?:qkv|proj)\.(?:weight|bias))', rf'{_LAYER}attn.\2'),
    (r'blocks\.(\d+)\.mlp\.fc1\.(weight|bias)', rf'{_LAYER}ffn.layers.0.0.\2'),
    (r'blocks\.(\d+)\.mlp\.fc2\.(weight|bias)', rf'{_LAYER}ffn.layers.1.\2'),
)
