"""FineCLIPER: a clip as frames, face parsing, landmarks and a caption, each through its own encoder."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmaction.models.recognizers import Recognizer3D
from torch import Tensor

from ..registry import MODELS
from ..text import tokenize
from .auxiliary import SumsAuxiliaryLosses

MAPS = {'parsing': 'parsing_maps', 'landmarks': 'landmark_maps'}


@MODELS.register_module()
class FineCLIPER(SumsAuxiliaryLosses, Recognizer3D):
    """Four representations of a clip for a :class:`mmdfer.heads.FineCLIPERHead` (FineCLIPER, ACM MM 2024).

    ======= =============================================================================================
    v       frames through ``backbone``
    p, l    parsing and landmark maps, one of each a frame, through one ``map_encoder`` for both
    f       the caption through ``caption_encoder``
    ======= =============================================================================================

    Maps and captions lie in the data samples: ``parsing_maps`` and ``landmark_maps``, uint8 (3, T, H, W), and
    the metainfo's ``caption``. A sample without one of them goes without that modality; ``has_face_maps`` False
    says that its maps are blank. In testing, captions may be absent altogether.

    Args:
        backbone: config of the frames' :class:`mmdfer.backbones.AdapterViT`.
        cls_head: config of the head.
        map_encoder: config of the maps' tower, e.g. the backbone's with other adapters; it shares the frozen
            weights of the backbone. ``None`` for a model without maps.
        maps: which maps are used, of ``'parsing'`` and ``'landmarks'``.
        caption_encoder: config of the captions' text tower, Long-CLIP's. ``None`` for a model without captions.
        drop_modalities: modalities to leave out in testing, to see what each is worth.
        truncate_captions: cut captions over the context and log it; otherwise they are an error.
        kwargs: of ``Recognizer3D``.

    Raises:
        ValueError: for maps or modalities that do not exist, or clips that have none that the model uses.
    """

    def __init__(self, backbone: dict, cls_head: dict, map_encoder: dict | None = None,
                 maps: Sequence[str] = tuple(MAPS), caption_encoder: dict | None = None,
                 drop_modalities: Sequence[str] = (), truncate_captions: bool = False, **kwargs) -> None:
        super().__init__(backbone, cls_head, **kwargs)
        for name, value, known in (('maps', maps, MAPS), ('drop_modalities', drop_modalities, ('video', *MAPS, 'caption'))):
            if set(value) - set(known):
                raise ValueError(f'FineCLIPER: {name}={list(value)}: choose from {", ".join(known)}')
        self.maps = tuple(maps) if map_encoder is not None else ()
        self.map_encoder = MODELS.build(map_encoder) if self.maps else None
        self.caption_encoder = MODELS.build(caption_encoder) if caption_encoder is not None else None
        self.drop_modalities, self.truncate_captions = tuple(drop_modalities), truncate_captions
        if self.map_encoder is not None:
            self.backbone.tie_frozen(self.map_encoder)

    def predict(self, inputs: Tensor, data_samples: list, **kwargs) -> list:
        """Samples with their prediction; MMAction2's own keeps maps and captions from :meth:`extract_feat`."""
        features, head_kwargs = self.extract_feat(inputs, data_samples=data_samples, test_mode=True)
        return self.cls_head.predict(features, data_samples, **head_kwargs)

    def extract_feat(self, inputs: Tensor, stage: str = 'neck', data_samples: list | None = None,
                     test_mode: bool = False) -> tuple[dict[str, Tensor] | Tensor, dict]:
        """Features of each modality, (B·views, T, D) or (B·views, D), and ``present``, (B·views,) of each.

        Args:
            inputs: clips (B, views, 3, T, H, W).
            stage: ``'neck'``, or ``'head'`` for logits.
            data_samples: samples that hold maps and captions.
            test_mode: leave out ``drop_modalities``.
        """
        views, samples = inputs.shape[1], data_samples or [None] * len(inputs)
        dropped = self.drop_modalities if test_mode else ()
        features, present = {}, {}
        if 'video' not in dropped:
            features['video'] = self.backbone(inputs.flatten(0, 1))
            present['video'] = inputs.new_ones(len(features['video']), dtype=torch.bool)
        self._add_maps(features, present, samples, inputs, [name for name in self.maps if name not in dropped])
        if self.caption_encoder is not None and 'caption' not in dropped:
            self._add_captions(features, present, samples, views, inputs.device)
        self._check_presence(present)
        kwargs = dict(present=present)
        return (self.cls_head(features, **kwargs), {}) if stage == 'head' else (features, kwargs)

    def _add_maps(self, features: dict, present: dict, samples: list, inputs: Tensor, names: list[str]) -> None:
        """Features of the maps, both kinds in one run of their encoder."""
        stacks, found = [], []
        for name in names:
            maps = [getattr(sample, MAPS[name], None) for sample in samples]
            there = [one is not None and bool(getattr(sample, 'has_face_maps', True))
                     for one, sample in zip(maps, samples)]
            blank = inputs.new_zeros(inputs.shape[2:], dtype=torch.uint8)
            stacks.append(torch.stack([one.to(inputs.device) if has else blank for one, has in zip(maps, there)]))
            found.append(torch.tensor(there, device=inputs.device))
        if not names or not self.training and not any(bool(there.any()) for there in found):
            return                                      # in training DDP wants every parameter in every step
        views = inputs.shape[1]
        encoded = self.map_encoder(self._normalise(torch.cat(stacks)))          # (M·B, T, D)
        for name, feature, there in zip(names, encoded.chunk(len(names)), found):
            features[name] = feature.repeat_interleave(views, dim=0)
            present[name] = there.repeat_interleave(views)

    def _normalise(self, maps: Tensor) -> Tensor:
        """Maps (N, 3, T, H, W) of uint8 as the preprocessor normalises frames."""
        mean, std = (getattr(self.data_preprocessor, name).reshape(1, 3, 1, 1, 1) for name in ('mean', 'std'))
        return (maps - mean) / std

    def _add_captions(self, features: dict, present: dict, samples: list, views: int, device: torch.device) -> None:
        captions = [(sample.metainfo.get('caption') if sample is not None else None) or '' for sample in samples]
        if not self.training and not any(captions):
            return
        there = torch.tensor([bool(caption) for caption in captions], device=device)
        tokens = tokenize(captions, self.caption_encoder.context_length, self.truncate_captions).to(device)
        features['caption'] = self.caption_encoder.encode_text(tokens).repeat_interleave(views, dim=0)
        present['caption'] = there.repeat_interleave(views)

    @staticmethod
    def _check_presence(present: dict[str, Tensor]) -> None:
        if not present or not torch.stack(list(present.values())).any(dim=0).all():
            raise ValueError('FineCLIPER: a clip of the batch has none of the modalities that are used: leave fewer out, or '
                             'give the set its maps and captions')
