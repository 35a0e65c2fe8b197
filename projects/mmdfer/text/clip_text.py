"""CLIP's text tower, a causal stack of the block that the vision tower is made of."""
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from ..adapters import TokenGrid
from ..backbones import AdapterBlock, AdapterTower
from ..registry import MODELS
from .tokenizer import end_positions

# OpenAI's text towers by the vision tower that they were trained with.
_SIZES = {'ViT-B/32': (512, 12), 'ViT-B/16': (512, 12), 'ViT-L/14': (768, 12)}
TEXT_ARCHITECTURES = {
    name: dict(embed_dims=width, num_layers=depth, num_heads=width // 64, feedforward_channels=4 * width,
               proj_dim=width)
    for name, (width, depth) in _SIZES.items()
}
VOCABULARY = 49408
QUICK_GELU = dict(type='mmpretrain.QuickGELU')


def text_architecture(arch: str | dict) -> dict:
    """Sizes of a text tower from its name, or as they are given.

    Raises:
        ValueError: for an unknown name or a size that is not there.
    """
    if isinstance(arch, dict):
        missing = [key for key in TEXT_ARCHITECTURES['ViT-B/16'] if key not in arch]
        if missing:
            raise ValueError(f'arch={arch} lacks {", ".join(missing)}')
        return dict(arch)
    if arch not in TEXT_ARCHITECTURES:
        raise ValueError(f'arch={arch!r} is not known: choose one of {", ".join(TEXT_ARCHITECTURES)} or give a dict of '
                         'embed_dims, num_layers, num_heads, feedforward_channels and proj_dim')
    return dict(TEXT_ARCHITECTURES[arch])


@MODELS.register_module()
class CLIPTextEncoder(AdapterTower, BaseModule):
    """Tokens (N, L) -> text features (N, D), before normalisation (CLIP, Radford et al., ICML 2021).

    Adapters are listed as in :class:`mmdfer.backbones.AdapterViT`. A text is one frame of L tokens that are
    no patches, so adapters that act on each token work here, and those that see a video volume are refused::

        adapters=[dict(type='BottleneckAdapter', slot='ffn_out', reduction=8)]

    Prompt learners work on embeddings: ``embed`` gives them, ``forward`` takes them back. Parameter names are
    ``token_embedding``, ``pos_embed``, mmpretrain's within ``layers.<i>``, ``ln_final`` and ``out_proj``;
    ``logit_scale`` is a buffer, the logarithm of the factor that CLIP was trained with.

    Args:
        arch: ``'ViT-B/32'``, ``'ViT-B/16'``, ``'ViT-L/14'``, or a dict with ``embed_dims``, ``num_layers``,
            ``num_heads``, ``feedforward_channels`` and ``proj_dim``.
        context_length: positions; 248 for Long-CLIP.
        adapters: adapter configs; empty for the plain tower.
        freeze: train adapters alone. ``False`` trains everything.
        with_cp: recompute blocks in the backward pass to save memory.
        layer_cfg: further arguments of every block. OpenAI's weights and those trained after them compute with
            QuickGELU, the default; most of open_clip's want ``dict(act_cfg=dict(type='GELU'))``.
        vocabulary: number of tokens known.

    Raises:
        ValueError: for an unknown architecture, adapter slot or block.
    """

    def __init__(self, arch: str | dict = 'ViT-B/16', context_length: int = 77, adapters: Sequence[dict] = (),
                 freeze: bool = True, with_cp: bool = False, layer_cfg: dict | None = None,
                 vocabulary: int = VOCABULARY, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        sizes = text_architecture(arch)
        depth, self.proj_dim = sizes.pop('num_layers'), sizes.pop('proj_dim')
        self.embed_dims, self.context_length = sizes['embed_dims'], context_length
        self.token_embedding = nn.Embedding(vocabulary, self.embed_dims)
        self.pos_embed = nn.Parameter(torch.zeros(1, context_length, self.embed_dims))
        layer_cfg = dict(dict(norm_cfg=dict(type='LN', eps=1e-5), act_cfg=QUICK_GELU), **layer_cfg or {})
        self.layers = ModuleList([AdapterBlock(causal=True, **sizes, **layer_cfg) for _ in range(depth)])
        self.ln_final = nn.LayerNorm(self.embed_dims)
        self.out_proj = nn.Linear(self.embed_dims, self.proj_dim, bias=False)
        self.register_buffer('logit_scale', torch.tensor(math.log(1 / 0.07)))
        self._init_embeddings()
        self.adopt_adapters(adapters, freeze, with_cp)

    def _init_embeddings(self) -> None:
        """CLIP's own start of what mmengine has no default for."""
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.pos_embed, std=0.01)
        nn.init.normal_(self.out_proj.weight, std=self.embed_dims**-0.5)

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens (N, L) as embeddings (N, L, C), without positions."""
        return self.token_embedding(tokens)

    def forward(self, embeddings: Tensor, ends: Tensor, deep_prompts: Sequence[Tensor] | None = None) -> Tensor:
        """Text features of embedded tokens.

        Args:
            embeddings: (N, L, C) without positions; L is at most the context length.
            ends: position of each text's end token, (N,), whose output is the text's feature.
            deep_prompts: J - 1 tensors (n, C) or (N, n, C); the i-th takes the place of the n tokens behind
                the start token before block i + 2.

        Returns:
            (N, D), projected and not normalised.

        Raises:
            ValueError: for embeddings of another width or over the context length, and deep prompts that fit
                neither the width nor the depth.
        """
        length = embeddings.shape[1]
        if embeddings.ndim != 3 or embeddings.shape[2] != self.embed_dims or length > self.context_length:
            raise ValueError(f'CLIPTextEncoder expects embeddings (N, L, {self.embed_dims}) of at most '
                             f'{self.context_length} tokens, got {tuple(embeddings.shape)}: shorten the texts or prompts, '
                             "and use the encoder's own width")
        x = embeddings + self.pos_embed[:, :length]
        x = self.run_blocks(x, TokenGrid(frames=1, height=0, width=0, leading=length), deep_prompts, start=1)
        x = x[torch.arange(len(x), device=x.device), ends]         # (N, L, C) -> (N, C)
        return self.out_proj(self.ln_final(x))

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Features (N, D) of tokens (N, L).

        A token sees none behind it, so only as many positions are computed as the longest text has.
        """
        ends = end_positions(tokens)
        return self(self.embed(tokens[:, :int(ends.max()) + 1]), ends)
