"""How the blocks of MMAction2's video transformers arrange their tokens, as views that adapters understand."""
from __future__ import annotations

from mmaction.models.backbones.mvit import MultiScaleBlock
from mmaction.models.backbones.swin import SwinTransformerBlock3D
from mmaction.models.backbones.vit_mae import Block
from mmcv.cnn.bricks.transformer import BaseTransformerLayer
from torch import Tensor, nn
from torch.nn.functional import pad

Shape = tuple[int, int, int]            # (T, H, W) in tokens


class TokenLayout:
    """Tokens (B, leading + T·H·W, C), frame after frame: the parent of the others.

    A layout tells a block's width, reads (T, H, W) off the values that enter or leave a block, and turns
    them into patch tokens (B·T, H·W, C), and what is to be added to those into what is to be added to them.
    ``leading`` tokens of a clip are left as they are.
    """
    block: type[nn.Module]
    leading = 0
    #: Whether heads read the class token alone.
    reads_class_token = False

    def __init__(self, model: nn.Module) -> None:
        pass

    def width(self, block: nn.Module, position: str) -> int:
        """Token width C of what an adapter at this position of a block reads."""
        return block.embed_dims

    def shape(self, values: tuple) -> Shape:
        """(T, H, W) of ``values``, a block's arguments or outputs, of which the first are the tokens."""
        raise NotImplementedError

    def to_frames(self, x: Tensor, shape: Shape) -> Tensor:
        patches = x[:, self.leading:]
        return patches.reshape(-1, shape[1] * shape[2], x.shape[-1])        # (B, T·H·W, C) -> (B·T, H·W, C)

    def from_frames(self, delta: Tensor, x: Tensor, shape: Shape) -> Tensor:
        return self._behind_leading(delta.reshape(x.shape[0], -1, x.shape[-1]))     # (B·T, H·W, C) -> (B, T·H·W, C)

    def _behind_leading(self, delta: Tensor) -> Tensor:
        return pad(delta, (0, 0, self.leading, 0)) if self.leading else delta


class VideoMAELayout(TokenLayout):
    """``VisionTransformer``: (B, T'·H·W, C) with T' tubelets and no class token."""
    block = Block

    def __init__(self, model: nn.Module) -> None:
        # The blocks are not told the clip's size, and it may be another than the config's.
        self._shape: Shape | None = None
        model.patch_embed.register_forward_pre_hook(self._remember)

    def _remember(self, patch_embed: nn.Module, args: tuple) -> None:
        kernel = patch_embed.projection.kernel_size
        self._shape = tuple(size // k for size, k in zip(args[0].shape[2:], kernel))

    def width(self, block: nn.Module, position: str) -> int:
        return block.norm1.normalized_shape[0]

    def shape(self, values: tuple) -> Shape:
        return self._shape


class TimeSformerLayout(TokenLayout):
    """``TimeSformer``: (B, 1 + H·W·T, C), the frames of a patch beside each other, one class token a clip."""
    block = BaseTransformerLayer
    leading = 1
    reads_class_token = True

    def __init__(self, model: nn.Module) -> None:
        if model.attention_type == 'space_only':
            raise ValueError("attention_type='space_only' is an image ViT on each frame: use AdapterViT, whose "
                             'adapters see the frames of a clip')
        embed = model.patch_embed
        self._shape = (model.num_frames, *(size // patch for size, patch in zip(embed.img_size, embed.patch_size)))

    def shape(self, values: tuple) -> Shape:
        return self._shape

    def to_frames(self, x: Tensor, shape: Shape) -> Tensor:
        frames, patches = shape[0], shape[1] * shape[2]
        # (B, H·W·T, C) -> (B, H·W, T, C) -> (B, T, H·W, C) -> (B·T, H·W, C)
        return x[:, 1:].reshape(x.shape[0], patches, frames, -1).transpose(1, 2).reshape(-1, patches, x.shape[-1])

    def from_frames(self, delta: Tensor, x: Tensor, shape: Shape) -> Tensor:
        frames, patches = shape[0], shape[1] * shape[2]
        # (B·T, H·W, C) -> (B, T, H·W, C) -> (B, H·W, T, C) -> (B, H·W·T, C)
        delta = delta.reshape(x.shape[0], frames, patches, -1).transpose(1, 2)
        return self._behind_leading(delta.reshape(x.shape[0], -1, x.shape[-1]))


class MViTLayout(TokenLayout):
    """``MViT``: (B, 1 + T·H·W, C) and (T, H, W), which shrink from stage to stage while C grows."""
    block = MultiScaleBlock

    def __init__(self, model: nn.Module) -> None:
        self.leading = int(model.with_cls_token)
        self.reads_class_token = model.with_cls_token

    def width(self, block: nn.Module, position: str) -> int:
        if position == 'parallel' and block.in_dims != block.out_dims:
            raise ValueError(f'a block of MViT takes tokens of width {block.in_dims} and gives {block.out_dims}: an '
                             'adapter parallel to it has nothing to be added to; choose a pattern of other blocks, or '
                             'before or after')
        return block.out_dims if position == 'after' else block.in_dims

    def shape(self, values: tuple) -> Shape:
        return tuple(values[1])


class SwinLayout(TokenLayout):
    """``SwinTransformer3D``: (B, T, H, W, C)."""
    block = SwinTransformerBlock3D

    def shape(self, values: tuple) -> Shape:
        return tuple(values[0].shape[1:4])

    def to_frames(self, x: Tensor, shape: Shape) -> Tensor:
        return x.flatten(0, 1).flatten(1, 2)                    # (B, T, H, W, C) -> (B·T, H·W, C)

    def from_frames(self, delta: Tensor, x: Tensor, shape: Shape) -> Tensor:
        return delta.reshape(x.shape)


LAYOUTS = {
    'videomae': VideoMAELayout,
    'timesformer': TimeSformerLayout,
    'mvit': MViTLayout,
    'swin': SwinLayout,
}
