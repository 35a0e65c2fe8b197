"""How relevance flows back from what a backbone gives to the patches of the frames, a class a kind of backbone.

A flow is a row vector that goes from the last block to the first, r ← r + rĀ, so that no product of maps is ever made:
what is kept is of the size of the tokens.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from mmaction.models.backbones import SwinTransformer3D, TimeSformer
from mmaction.models.backbones.mvit import MViT
from mmaction.models.backbones.vit_mae import VisionTransformer as VideoMAE
from mmpretrain.models.backbones.vision_transformer import VisionTransformer as ImageTransformer
from torch import Tensor, nn

from ..backbones import JointViT
from .attention import Seen, watched


class Flow:
    """The parent of the others: which attention modules a backbone has, and how a row goes through their maps.

    Args:
        backbone: of :attr:`kind`.
    """
    kind: type[nn.Module]
    #: (T, H, W) of the patches in the last forward pass.
    grid: tuple[int, int, int]

    def __init__(self, backbone: nn.Module) -> None:
        self.backbone = backbone

    def attentions(self) -> list[nn.Module]:
        """The attention modules, in the order in which they run."""
        raise NotImplementedError

    def measure(self, patch_embed: nn.Module, args: tuple, output: Tensor | tuple) -> None:
        """A hook on the embedding of patches, which tells the grid of a single clip."""
        raise NotImplementedError

    def back(self, maps: Sequence[Tensor], residual: bool = True, last: int | None = None) -> Tensor:
        """From the read-out through maps (N, L, L), one a module, to the patches: (T, H, W), not normalised.

        Args:
            maps: of :meth:`attentions`.
            residual: whether a block's input goes on beside its attention; without it the row is the map's alone.
            last: of how many blocks, counted from the end; all by default.
        """
        raise NotImplementedError

    @contextmanager
    def watched(self) -> Iterator[list[Seen]]:
        """Watch the backbone run on one clip."""
        hook = self.backbone.patch_embed.register_forward_hook(self.measure)
        try:
            with watched(self.attentions()) as seen:
                yield seen
        finally:
            hook.remove()


class FrameFlow(Flow):
    """An image transformer on each frame, (T, L, L): AdapterViT (CLIP's tower as well) and mmpretrain's own.

    It goes from the class token of each frame, or from the mean of the patches where that is read. What adapters carry
    from frame to frame is no attention of the block and is not followed; the gradients know of it.
    """
    kind = ImageTransformer

    def attentions(self) -> list[nn.Module]:
        return [block.attn for block in self.backbone.layers]

    def measure(self, patch_embed: nn.Module, args: tuple, output: Tensor | tuple) -> None:
        self.grid = (len(args[0]), *output[1])

    def back(self, maps: Sequence[Tensor], residual: bool = True, last: int | None = None) -> Tensor:
        frames, height, width = self.grid
        leading, patches = self.backbone.num_extra_tokens, height * width
        row = maps[0].new_zeros(frames, 1, maps[0].shape[-1])
        if getattr(self.backbone, 'reads_class_token', self.backbone.out_type == 'cls_token'):
            row[..., 0] = 1
        else:
            row[..., leading:leading + patches] = 1 / patches
        for each in list(maps)[::-1][:last]:
            row = row * residual + row @ each
        return row[:, 0, leading:leading + patches].reshape(self.grid)


class ClipFlow(Flow):
    """Attention over all tubelets of a clip at once, (1, L, L): VideoMAE's transformer."""
    kind = VideoMAE

    def attentions(self) -> list[nn.Module]:
        return [block.attn for block in self.backbone.blocks]

    def measure(self, patch_embed: nn.Module, args: tuple, output: Tensor | tuple) -> None:
        self.frames = args[0].shape[2]
        kernel = patch_embed.projection.kernel_size
        frames, height, width = (size // k for size, k in zip(args[0].shape[2:], kernel))
        self.grid = frames, height, width

    def back(self, maps: Sequence[Tensor], residual: bool = True, last: int | None = None) -> Tensor:
        tokens = maps[0].shape[-1]
        row = maps[0].new_zeros(1, tokens)
        if self.backbone.fc_norm is not None or self.backbone.return_feat_map:
            row += 1 / tokens
        else:
            row[:, 0] = 1
        return self.to_frames(self.walk(row, maps, residual, last))

    @staticmethod
    def walk(row: Tensor, maps: Sequence[Tensor], residual: bool, last: int | None) -> Tensor:
        """A row (1, L) through the maps, from the last on."""
        for each in list(maps)[::-1][:last]:
            row = row * residual + row @ each[0]
        return row

    def to_frames(self, row: Tensor) -> Tensor:
        """A row (1, L) as (T, H, W), where a tubelet is of several frames."""
        return row.reshape(self.grid).repeat_interleave(max(self.frames // self.grid[0], 1), dim=0)


class JointFlow(ClipFlow):
    """The same in :class:`mmdfer.backbones.JointViT`, which always reads the mean of all tokens."""
    kind = JointViT

    def attentions(self) -> list[nn.Module]:
        return [block.attn for block in self.backbone.layers]

    def back(self, maps: Sequence[Tensor], residual: bool = True, last: int | None = None) -> Tensor:
        row = maps[0].new_full((1, maps[0].shape[-1]), 1 / maps[0].shape[-1])
        return self.to_frames(self.walk(row, maps, residual, last))


class DividedFlow(Flow):
    """Attention over time and then over space, with one class token a clip: TimeSformer.

    The spatial attention sees the class token beside every frame's patches and averages over the frames what it makes
    of it. Maps are in pairs, over time (H·W, T, T) and over space (T, 1 + H·W, 1 + H·W).
    """
    kind = TimeSformer

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__(backbone)
        if backbone.attention_type != 'divided_space_time':
            raise ValueError(f'TimeSformer with attention_type={backbone.attention_type!r}: its attention is not '
                             "followed here; 'divided_space_time' is")

    def attentions(self) -> list[nn.Module]:
        return [part.attn for layer in self.backbone.transformer_layers.layers for part in layer.attentions]

    def measure(self, patch_embed: nn.Module, args: tuple, output: Tensor | tuple) -> None:
        size, kernel = args[0].shape[2:], patch_embed.projection.kernel_size
        self.grid = size[0], size[1] // kernel[0], size[2] // kernel[1]

    def back(self, maps: Sequence[Tensor], residual: bool = True, last: int | None = None) -> Tensor:
        frames, height, width = self.grid
        token, row = maps[0].new_ones(()), maps[0].new_zeros(frames, height * width)
        pairs = list(zip(maps[::2], maps[1::2]))
        for time, space in pairs[::-1][:last]:
            share = torch.cat([(token / frames).expand(frames, 1), row], dim=1)                 # (T, 1 + P)
            moved = torch.einsum('tl,tlm->tm', share, space)
            token, row = token * residual + moved[:, 0].sum(), row * residual + moved[:, 1:]
            if residual:
                row = row + torch.einsum('tp,pts->sp', row, time)
        return row.reshape(self.grid)


FLOWS = (FrameFlow, ClipFlow, JointFlow, DividedFlow)
#: Backbones with attention whose tokens cannot be followed to patches of the frames.
NOT_FOLLOWED = {MViT: 'pools its tokens between blocks', SwinTransformer3D: 'attends within windows and merges patches'}


def has_attention(backbone: nn.Module) -> bool:
    """Whether a backbone's attention can be followed to the frames' patches."""
    return any(isinstance(backbone, flow.kind) for flow in FLOWS)


def flow_of(backbone: nn.Module) -> Flow:
    """How relevance flows through a backbone.

    Raises:
        ValueError: for a backbone without attention, or one whose attention is not followed; it names both.
    """
    flow = next((flow for flow in FLOWS if isinstance(backbone, flow.kind)), None)
    if flow is not None:
        return flow(backbone)
    name = type(backbone).__name__
    why = next((why for kind, why in NOT_FOLLOWED.items() if isinstance(backbone, kind)), 'has no attention')
    raise ValueError(f'{name} {why}: there is no attention over the patches of its frames to draw; AdapterViT (CLIP, '
                     'FE-Adapter, PE-CLIP, FineCLIPER), VideoMAE and TimeSformer have it. Frame importance, dilations, '
                     't-SNE, UMAP and similarities need none')
