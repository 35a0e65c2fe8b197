"""DK-CLIP's parts behind its encoder: snippets become a clip, the clear ones are kept, and texts read their patches."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule, ModuleList
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

QUICK_GELU = dict(type='mmpretrain.QuickGELU')
HEAD_WIDTH = 64                 # of every attention, as in CLIP
#: Cosines that are no further apart are alike: what is left of their differences is rounding.
ALIKE = 1e-5


class SnippetIntegration(BaseModule):
    """Snippets s (B, J, D) as one feature ``g = mean_j(layers(s + pos) + s)``, (B, D).

    Args:
        width: D, in heads of 64.
        snippets: J.
        num_layers: pre-norm layers, one in the release.
    """

    def __init__(self, width: int, snippets: int, num_layers: int = 1) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, snippets, width))
        self.layers = ModuleList([
            TransformerEncoderLayer(width, max(width // HEAD_WIDTH, 1), 4 * width, act_cfg=QUICK_GELU,
                                    norm_cfg=dict(type='LN', eps=1e-5)) for _ in range(num_layers)
        ])

    def forward(self, snippets: Tensor) -> Tensor:
        x = snippets + self.pos_embed
        for layer in self.layers:
            x = layer(x)
        return (x + snippets).mean(dim=1)


class CrossAttention(BaseModule):
    """Queries (B, K, D) read values (B, N, D) in heads of 64; a bias on the output alone, as in X-CLIP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_heads = max(width // HEAD_WIDTH, 1)
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.proj = nn.Linear(width, width)

    def forward(self, queries: Tensor, values: Tensor) -> Tensor:
        q, k, v = (project(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)      # (B, h, ., D/h)
                   for project, x in ((self.q_proj, queries), (self.k_proj, values), (self.v_proj, values)))
        return self.proj(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class ReadingLayer(BaseModule):
    """``x += attn(LN x, V)``, then ``x += MLP(LN x)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.cross_attn = CrossAttention(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, values: Tensor) -> Tensor:
        x = x + self.cross_attn(self.ln1(x), values)
        return x + self.mlp(self.ln2(x))


class QuickGELU(nn.Module):
    """x · σ(1.702 x), CLIP's."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class TextEnhancer(BaseModule):
    """What class texts take from a clip: ``α ⊙ D(t)``, D layers that read the patches (X-CLIP's Eq. 9-11).

    Args:
        width: D of texts and patches.
        num_layers: layers.
        alpha: where α starts, (D,) of one value.
    """

    def __init__(self, width: int, num_layers: int = 2, alpha: float = 0.1) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(width)
        self.layers = ModuleList([ReadingLayer(width) for _ in range(num_layers)])
        self.alpha = nn.Parameter(torch.full((width, ), alpha))

    def forward(self, texts: Tensor, patches: Tensor) -> Tensor:
        """Texts (K, D) and patches (B, N, D) as what is added to each clip's texts, (B, K, D)."""
        x, patches = texts.expand(len(patches), -1, -1), self.ln(patches)
        for layer in self.layers:
            x = layer(x, patches)
        return self.alpha * x


def snippet_weights(cosines: Tensor, erase_below: float) -> tuple[Tensor, Tensor]:
    """Weights (B, J) of snippets by their cosines with the clip, and which of them are kept, (B, J) of bool.

    ``w = softmax(minmax(cosines))`` over the snippets of a clip; those of a weight below ``erase_below`` are not
    kept. Where all are alike, so that minmax would divide by nothing, each has the same weight and is kept; the
    nearest is always kept.
    """
    low, high = cosines.amin(dim=1, keepdim=True), cosines.amax(dim=1, keepdim=True)
    alike = high - low <= ALIKE
    stretched = (cosines - low) / torch.where(alike, torch.ones_like(low), high - low)
    weights = stretched.masked_fill(alike, 0).softmax(dim=1)
    return weights, (weights >= erase_below) | (cosines == high) | alike
