"""ImageViT: mmpretrain's ViT for the image stage, started from any image ViT file."""
from __future__ import annotations

from mmpretrain.models.backbones.vision_transformer import VisionTransformer
from torch import nn

from ..registry import MODELS
from ..weights import load_vit
from .adapter_vit import architecture


@MODELS.register_module()
class ImageViT(VisionTransformer):
    """mmpretrain's ``VisionTransformer`` with :class:`AdapterViT`'s sizes and file formats: (B, 3, H, W) -> ((B, D),).

    It feeds mmpretrain's heads in an ``ImageClassifier``, whose checkpoints ``AdapterViT`` then reads:
    parameter names are the same. ``init_cfg=dict(type='Pretrained', checkpoint=...)`` reads any format that
    :func:`mmdfer.weights.load_vit` knows.

    Args:
        arch: ``'tiny'``, ``'small'``, ``'base'``, ``'large'`` (timm's sizes), or a dict with
            ``embed_dims``, ``num_layers``, ``num_heads`` and ``feedforward_channels``.
        pos_embed_std: standard deviation of new position embeddings. The usual 0.02 is small beside the
            patches' own embeddings; a small model on aligned faces, where the place says what one sees,
            leaves its first plateau several epochs earlier with 0.5.
        kwargs: mmpretrain's own arguments, such as ``img_size``, ``patch_size``, ``drop_path_rate``.

    Raises:
        ValueError: for an unknown architecture.
    """

    def __init__(self, arch: str | dict = 'base', pos_embed_std: float = 0.02, **kwargs) -> None:
        super().__init__(arch=architecture(arch), **kwargs)
        self.pos_embed_std = pos_embed_std

    def init_weights(self) -> None:
        """Initialise; a ``Pretrained`` file is read here, whatever its format."""
        pretrained = self.init_cfg if isinstance(self.init_cfg, dict) else {}
        if pretrained.get('type') != 'Pretrained':
            super().init_weights()
            nn.init.trunc_normal_(self.pos_embed, std=self.pos_embed_std)
            return
        load_vit(self, pretrained['checkpoint'])
        self._is_init = True
