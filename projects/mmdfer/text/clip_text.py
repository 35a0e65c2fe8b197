"""CLIP's text tower, a causal stack of the block that the vision tower is made of."""
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from ..adapters import TokenGrid
from ..backbones import AdapterBlock, AdapterConfigs, AdapterTower
from ..registry import MODELS
from ..weights import load_clip_text, text_sizes
from .tokenizer import end_positions

# OpenAI's text towers by the vision tower that they were trained with.
_SIZES = {'ViT-B/32': (512, 12), 'ViT-B/16': (512, 12), 'ViT-L/14': (768, 12)}
TEXT_ARCHITECTURES = {
    name: dict(embed_dims=width, num_layers=depth, num_heads=width // 64, feedforward_channels=4 * width,
               proj_dim=width)
    for name, (width, depth) in _SIZES.items()
}
VOCABULARY = 49408
CACHED = 16         # sets of tokens
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


def _sizes_in_file(init_cfg: dict | None) -> dict:
    if (init_cfg or {}).get('type') != 'Pretrained':
        raise ValueError('arch=None reads the sizes from a file: give init_cfg=dict(type="Pretrained", '
                         f'checkpoint=...), or arch as one of {", ".join(TEXT_ARCHITECTURES)}')
    return text_sizes(init_cfg['checkpoint'])


@MODELS.register_module()
class CLIPTextEncoder(AdapterTower, BaseModule):
    """Tokens (N, L) -> text features (N, D), before normalisation (CLIP, Radford et al., ICML 2021).

    Adapters are named as in :class:`mmdfer.backbones.AdapterViT`. A text is one frame of L tokens that are
    no patches, so adapters that act on each token work here, and those that see patches alone are refused::

        adapters=dict(ta=dict(type='BottleneckAdapter', slot='ffn_out', reduction=8))

    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` reads any format that
    :func:`mmdfer.weights.load_clip_text` knows. Prompt learners work on embeddings: ``embed`` gives them,
    ``forward`` takes them back. Parameter names are ``token_embedding``, ``pos_embed``, mmpretrain's within
    ``layers.<i>``, ``ln_final`` and ``out_proj``; ``logit_scale`` is a buffer, the logarithm of the factor
    that CLIP was trained with.

    Args:
        arch: ``'ViT-B/32'``, ``'ViT-B/16'``, ``'ViT-L/14'``, or a dict with ``embed_dims``, ``num_layers``,
            ``num_heads``, ``feedforward_channels`` and ``proj_dim``; ``None`` for the sizes of the file in
            ``init_cfg``.
        context_length: positions; 248 for Long-CLIP.
        adapters: adapter configs by name; empty for the plain tower.
        freeze: train adapters alone. ``False`` trains everything.
        with_cp: recompute blocks in the backward pass to save memory.
        layer_cfg: further arguments of every block. OpenAI's weights and those trained after them compute with
            QuickGELU, the default; most of open_clip's want ``dict(act_cfg=dict(type='GELU'))``.
        vocabulary: number of tokens known.
        scale_parameter: keep ``logit_scale`` as a frozen parameter, as CLIP's own module does, which a release that
            learns a second one beside it counts.

    Raises:
        ValueError: for an unknown architecture, adapter slot or block, and for none without a file.
    """

    has_patches = False

    def __init__(self, arch: str | dict | None = 'ViT-B/16', context_length: int = 77, adapters: AdapterConfigs = (),
                 freeze: bool = True, with_cp: bool = False, layer_cfg: dict | None = None,
                 vocabulary: int = VOCABULARY, init_cfg: dict | None = None, scale_parameter: bool = False) -> None:
        super().__init__(init_cfg)
        sizes = text_architecture(arch) if arch is not None else _sizes_in_file(init_cfg)
        depth, self.proj_dim = sizes.pop('num_layers'), sizes.pop('proj_dim')
        self.embed_dims, self.context_length = sizes['embed_dims'], context_length
        self.token_embedding = nn.Embedding(vocabulary, self.embed_dims)
        self.pos_embed = nn.Parameter(torch.zeros(1, context_length, self.embed_dims))
        layer_cfg = dict(dict(norm_cfg=dict(type='LN', eps=1e-5), act_cfg=QUICK_GELU), **layer_cfg or {})
        self.layers = ModuleList([AdapterBlock(causal=True, **sizes, **layer_cfg) for _ in range(depth)])
        self.ln_final = nn.LayerNorm(self.embed_dims)
        self.out_proj = nn.Linear(self.embed_dims, self.proj_dim, bias=False)
        scale = torch.tensor(math.log(1 / 0.07))
        if scale_parameter:
            self.logit_scale = nn.Parameter(scale, requires_grad=False)
        else:
            self.register_buffer('logit_scale', scale)
        self._init_embeddings()
        self.adopt_adapters(adapters, freeze, with_cp)
        self._features: dict[tuple, Tensor] = {}

    def _init_embeddings(self) -> None:
        """CLIP's own start of what mmengine has no default for."""
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.pos_embed, std=0.01)
        nn.init.normal_(self.out_proj.weight, std=self.embed_dims**-0.5)

    def init_weights(self) -> None:
        """Initialise; a ``Pretrained`` file is read here, whatever its format."""
        pretrained = self.init_cfg if isinstance(self.init_cfg, dict) else {}
        if pretrained.get('type') == 'Pretrained':
            load_clip_text(self, pretrained['checkpoint'])
        else:
            super().init_weights()
            self._init_embeddings()
        self._is_init = True

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
                             f'{self.context_length} tokens, got {tuple(embeddings.shape)}: shorten the texts or '
                             "prompts, and use the encoder's own width")
        x = embeddings + self.pos_embed[:, :length]
        x = self.run_blocks(x, TokenGrid(frames=1, height=0, width=0, leading=length), deep_prompts, start=1)
        x = x[torch.arange(x.shape[0], device=x.device), ends]     # (N, L, C) -> (N, C)
        return self.out_proj(self.ln_final(x))

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Features (N, D) of tokens (N, L).

        A token sees none behind it, so only as many positions are computed as the longest text has; all of them for
        tokens without values (:mod:`mmdfer.apis.cost`).
        """
        ends = end_positions(tokens)
        longest = tokens.shape[1] if isinstance(ends, FakeTensor) else int(ends.max()) + 1
        return self(self.embed(tokens[:, :longest]), ends)

    def train(self, mode: bool = True) -> CLIPTextEncoder:
        """As usual, but frozen parts stay in eval mode; features computed before are forgotten."""
        self._features.clear()
        return super().train(mode)

    def cached_text_features(self, tokens: Tensor) -> Tensor:
        """:meth:`encode_text`, computed once for the same tokens while nothing in the tower trains.

        It is computed anew once weights were loaded, moved or written to, and at each call while gradients
        are on and a parameter of the tower trains.
        """
        if torch.is_grad_enabled() and any(parameter.requires_grad for parameter in self.parameters()):
            return self.encode_text(tokens)
        modes = (torch.is_autocast_enabled(tokens.device.type), torch.is_inference_mode_enabled())
        weights = tuple((tensor.data_ptr(), tensor._version) for tensor in (*self.parameters(), *self.buffers()))
        key = (tokens.cpu().numpy().tobytes(), tokens.device, modes, weights)
        if key not in self._features:
            if len(self._features) >= CACHED:
                self._features.clear()
            with torch.no_grad():
                self._features[key] = self.encode_text(tokens)
        return self._features[key]
