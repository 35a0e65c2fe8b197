"""SnippetViT: DK-CLIP's image encoder, a CLIP tower whose frames write to each other within the snippets of a clip."""
from __future__ import annotations

import warnings
from typing import NamedTuple, cast

import torch
from mmengine.model import BaseModule, ModuleList
from mmpretrain.models.utils import MultiheadAttention, resize_pos_embed
from torch import Tensor, nn

from ..adapters import TokenGrid
from ..registry import MODELS
from ..weights import is_added
from .adapter_block import AdapterBlock
from .adapter_configs import AdapterConfigs
from .adapter_vit import AdapterViT
from .tower import AdapterTower

#: What trains of the second stack and where it starts, by the name in a config.
SEMANTICS = ('trained', 'frozen', 'released')


class Snippets(NamedTuple):
    """What the encoder tells of a clip in J snippets of N patches.

    ``features`` s (B, J, D), and ``patches`` V (B, J, N, D).
    """
    features: Tensor
    patches: Tensor


class Message(BaseModule):
    """What the frames of a snippet tell each other (X-CLIP, Ni et al., ECCV 2022, Eq. 4-5).

    ``m = W c + b`` of each frame's class token c, then ``m += attn(LN m)`` over the frames.
    """

    def __init__(self, embed_dims: int, num_heads: int, eps: float) -> None:
        super().__init__()
        self.fc = nn.Linear(embed_dims, embed_dims)
        self.ln = nn.LayerNorm(embed_dims, eps=eps)
        self.attn = MultiheadAttention(embed_dims, num_heads)

    def forward(self, class_tokens: Tensor, frames: int) -> Tensor:
        """Class tokens (B·T, C) of clips of T frames as one message a frame, (B·T, 1, C)."""
        message = self.fc(class_tokens).unflatten(0, (-1, frames))             # (B, T, C)
        message = message + self.attn(self.ln(message))
        return message.flatten(0, 1)[:, None]


class MessageBlock(AdapterBlock):
    """An :class:`AdapterBlock` whose frames get a message as one more token, which the block's end drops."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.message = Message(self.embed_dims, self.attn.num_heads, self.ln1.eps)

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        longer = TokenGrid(grid.frames, grid.height, grid.width, grid.leading, grid.trailing + 1)
        x = torch.cat([x, self.message(x[:, 0], grid.frames)], dim=1)          # (B·T, L + 1, C)
        return super().forward(x, longer)[:, :-1]


class SemanticStack(AdapterTower, BaseModule):
    """The second stack: patch means of the snippets, which write to each other as frames do in the first.

    Args:
        embed_dims, patches: of the tower before it.
        blocks: its :class:`MessageBlock` modules.
        proj_dim: width of the projection.
        eps: of its norms.
        unread: hold the last norm and projection of a class token that nothing reads, as the release does.
    """

    def __init__(self, embed_dims: int, patches: int, blocks: ModuleList, proj_dim: int, eps: float,
                 unread: bool = False) -> None:
        super().__init__()
        self.embed_dims, self.with_cp = embed_dims, False
        scale = embed_dims**-0.5
        self.cls_token = nn.Parameter(scale * torch.randn(1, 1, embed_dims))
        self.pos_embed = nn.Parameter(scale * torch.randn(1, 1 + patches, embed_dims))
        self.pre_norm = nn.LayerNorm(embed_dims, eps=eps)
        self.layers = blocks
        if unread:
            self.ln1 = nn.LayerNorm(embed_dims, eps=eps)
            self.out_proj = nn.Linear(embed_dims, proj_dim, bias=False)

    def train(self, mode: bool = True) -> SemanticStack:
        """As usual: it has nothing that knows a mode."""
        return nn.Module.train(self, mode)

    def forward(self, patches: Tensor, grid: TokenGrid, resolution: tuple[int, int]) -> Tensor:
        """Patches (B·J, N, C) of J snippets as patches (B·J, N, C).

        Args:
            patches: means over each snippet's frames.
            grid: where the first tower's tokens lie.
            resolution: patches along height and width that the positions are of.
        """
        positions = resize_pos_embed(self.pos_embed, resolution, (grid.height, grid.width))
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + positions
        return self.run_blocks(self.pre_norm(tokens), grid)[:, 1:]


@MODELS.register_module()
class SnippetViT(AdapterViT):
    """Clips (B, 3, T, H, W) in J snippets of T/J frames -> :class:`Snippets` (DK-CLIP, Li et al., ACM MM 2024).

    In each block the class tokens of a snippet's frames make messages (:class:`MessageBlock`). s_j is the mean of
    the snippet's projected class tokens. Of the patch tokens the mean over a snippet's frames goes through a
    second stack of as many blocks, with a class token, positions and messages between the J snippets; a norm and a
    projection make V_j of it.

    ============ ===================================================================================================
    semantics    the second stack
    ============ ===================================================================================================
    ``trained``  starts from the first tower's weights, CLIP's, and trains like it; the default
    ``frozen``   the same start, of which messages alone train, since CLIP has none
    ``released`` random and frozen, with a last norm and projection that nothing reads, as the authors' code has it:
                 its list of what trains does not name it. Warns
    ============ ===================================================================================================

    Args:
        arch, kwargs: of :class:`AdapterViT`, which needs ``proj_dim`` and ``pre_norm`` here.
        snippets: J.
        semantics: what becomes of the second stack.
        freeze: train what CLIP does not have alone.

    Raises:
        ValueError: for unknown semantics, or a tower without projection or norm before its blocks.
    """

    block = MessageBlock
    reads_class_token = False           # its patches are read, too

    def __init__(self, arch: str | dict = 'base', snippets: int = 4, semantics: str = 'trained', freeze: bool = False,
                 **kwargs) -> None:
        if semantics not in SEMANTICS:
            raise ValueError(f'SnippetViT: semantics={semantics!r} is not known: choose one of {", ".join(SEMANTICS)}')
        if not kwargs.get('proj_dim') or not kwargs.get('pre_norm'):
            raise ValueError('SnippetViT: is a CLIP tower: set proj_dim, such as 512, and pre_norm=True')
        self.num_snippets, self.semantics = snippets, semantics
        super().__init__(arch, freeze=freeze, **kwargs)
        if semantics == 'released':
            warnings.warn("SnippetViT: semantics='released' keeps the second stack random and frozen, as the release "
                          "does; semantics='trained' starts it from CLIP's weights and trains it", stacklevel=2)

    def _build_blocks(self, drop_path_rate: float, kwargs: dict, layer_cfg: dict) -> ModuleList:
        self._stack_cfg = (kwargs, layer_cfg)
        return super()._build_blocks(drop_path_rate, kwargs, layer_cfg)

    def adopt_adapters(self, adapters: AdapterConfigs, freeze: bool, *args, **kwargs) -> None:
        width, proj_dim = self.embed_dims, cast(nn.Linear, self.out_proj).out_features
        eps, released = self.ln1.eps, self.semantics == 'released'
        blocks = super()._build_blocks(0., *self._stack_cfg)
        self.semantic_stack = SemanticStack(width, self.pos_embed.shape[1] - 1, blocks, proj_dim, eps, released)
        self.patch_norm = nn.LayerNorm(width, eps=eps)
        self.patch_proj = nn.Linear(width, proj_dim, bias=False)
        nn.init.normal_(self.patch_proj.weight, std=width**-0.5)
        if self.semantics != 'trained':
            for name, parameter in self.semantic_stack.named_parameters():
                parameter.requires_grad_('.message.' in name and not released)
        self.semantic_stack.with_cp = kwargs.get('with_cp', args[0] if args else False)
        kept = [parameter for parameter in self.semantic_stack.parameters() if not parameter.requires_grad]
        super().adopt_adapters(adapters, freeze, *args, **kwargs)
        for parameter in kept:
            parameter.requires_grad_(False)

    def init_weights(self) -> None:
        """As the tower's; the second stack then starts from the first's weights, but for its messages."""
        super().init_weights()
        if self.semantics == 'released':
            return
        own = {name: value for name, value in self.state_dict().items()
               if name.startswith(('cls_token', 'pos_embed', 'pre_norm.', 'layers.')) and not is_added(name)}
        self.semantic_stack.load_state_dict(own, strict=False)

    def forward(self, x: Tensor) -> Snippets:                                  # type: ignore[override]
        """Clips (B, 3, T, H, W) as :class:`Snippets`.

        Raises:
            ValueError: for an input of another rank, or frames that make no J snippets.
        """
        if x.ndim != 5 or x.shape[2] % self.num_snippets:
            raise ValueError(f'SnippetViT expects clips (B, 3, T, H, W) with T a multiple of its {self.num_snippets} '
                             f'snippets, got {tuple(x.shape)}: set num_frames of the pipeline, such as 16, and format '
                             "the clip with FormatShape(input_format='NCTHW')")
        batch, clips = len(x), len(x) * self.num_snippets
        # (B, 3, T, H, W) -> (B, T, 3, H, W) -> (B·T, 3, H, W)
        tokens, grid = self.embed(x.transpose(1, 2).flatten(0, 1), x.shape[2] // self.num_snippets)
        tokens = self.run_blocks(tokens, grid)
        features = self.out_proj(self.ln1(tokens[:, 0]))                       # (B·T, D)
        patches = tokens[:, grid.span].unflatten(0, (clips, -1)).mean(dim=1)   # (B·T, N, C) -> (B·J, N, C)
        across = TokenGrid(self.num_snippets, grid.height, grid.width)
        patches = self.patch_proj(self.patch_norm(self.semantic_stack(patches, across, self.patch_resolution)))
        return Snippets(features.reshape(batch, self.num_snippets, grid.frames, -1).mean(dim=2),
                        patches.unflatten(0, (batch, -1)))
