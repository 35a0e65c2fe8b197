"""The recognizer of prompts that couple the text and the image tower."""
from __future__ import annotations

import torch
from mmaction.models.recognizers import Recognizer3D
from torch import Tensor

from ..registry import MODELS
from .auxiliary import SumsAuxiliaryLosses


@MODELS.register_module()
class VideoTextRecognizer(SumsAuxiliaryLosses, Recognizer3D):
    """``Recognizer3D`` whose backbone gets the head's vision prompts.

    Loss, prediction, views, mixing and the modes of ``forward`` are MMAction2's. The head is a
    :class:`mmdfer.heads.CLIPTextHead`, the backbone an :class:`mmdfer.backbones.AdapterViT` with ``proj_dim``.

    Args:
        backbone, cls_head, kwargs: as in ``Recognizer3D``. The head's ``vision_width`` and ``in_channels`` are
            the backbone's ``embed_dims`` and output width unless the config says otherwise;
            ``test_cfg=dict(max_testing_views=n)`` runs the views of a clip n at a time.
        share_adapters: let the :class:`mmdfer.adapters.SharedAdapter` of each text layer use the one of the
            image layer beside it, so that the two modalities share it (PE-CLIP's words; its release does not).
    """

    def __init__(self, backbone: dict, cls_head: dict, share_adapters: bool = False, **kwargs) -> None:
        super().__init__(backbone, None, **kwargs)
        widths = dict(vision_width=self.backbone.embed_dims)
        if self.backbone.out_proj is not None:
            widths['in_channels'] = self.backbone.out_proj.out_features
        self.cls_head = MODELS.build(dict(widths, **cls_head))
        if share_adapters:
            self.backbone.share_adapters(self.cls_head.text_encoder)

    def extract_feat(self, inputs: Tensor, stage: str = 'neck', data_samples: list | None = None,
                     test_mode: bool = False) -> tuple[Tensor, dict]:
        """Features (B·views, T, D) of clips (B, views, 3, T, H, W), or with ``stage='head'`` logits."""
        clips = inputs.flatten(0, 1)
        prompts, deep = self.cls_head.vision_prompts()
        at_once = (self.test_cfg or {}).get('max_testing_views') if test_mode else None
        parts = clips.split(at_once) if at_once else (clips, )
        x = torch.cat([self.backbone(part, prompts, deep) for part in parts])
        return (self.cls_head(x), {}) if stage == 'head' else (x, {})
