"""FineCLIPER: a clip as frames, face parsing, landmarks and a caption, each through its own encoder."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from mmaction.models.recognizers import Recognizer3D
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from ..registry import MODELS, nearest
from .auxiliary import SumsAuxiliaryLosses
from .modalities import Modality, build_modalities

MAPS = {'parsing': 'parsing_maps', 'landmarks': 'landmark_maps'}


@MODELS.register_module()
class FineCLIPER(SumsAuxiliaryLosses, Recognizer3D):
    """Representations of a clip for a :class:`mmdfer.heads.FineCLIPERHead` (FineCLIPER, ACM MM 2024).

    The paper's four are::

        encoders=dict(map=dict(...)),                                       # one for both kinds of maps
        modalities=dict(
            video=dict(type='VideoModality'),                               # v: frames, through the backbone
            parsing=dict(type='MapModality', key='parsing_maps', encoder='map'),             # p
            landmarks=dict(type='MapModality', key='landmark_maps', encoder='map'),          # l
            caption=dict(type='CaptionModality', encoder=dict(...)))                         # f

    Further ones are classes registered in ``MODALITIES`` (:class:`~mmdfer.recognizers.modalities.Modality`). A sample
    that has nothing of a modality goes without; in testing none need be there but one. Encoders are the recognizer's
    ``<name>_encoder``; that of maps shares the frozen weights of the backbone.

    Args:
        backbone: config of the frames' :class:`mmdfer.backbones.AdapterViT`.
        cls_head: config of the head.
        modalities: configs by name; ``None`` in a config's place leaves that modality out.
        encoders: configs of encoders that several modalities share, by name.
        drop_modalities: modalities to leave out in testing, to see what each is worth.
        map_encoder, maps, caption_encoder, truncate_captions: a shorter form of ``modalities``: frames, those of the
            two ``maps`` through ``map_encoder`` if there is one, captions through ``caption_encoder`` if there is one.
        kwargs: of ``Recognizer3D``.

    Raises:
        ValueError: for modalities, maps or encoders that do not exist, or clips that have none that the model uses.
    """

    def __init__(self, backbone: dict, cls_head: dict, modalities: Mapping[str, dict | None] | None = None,
                 encoders: Mapping[str, dict] | None = None, drop_modalities: Sequence[str] = (),
                 map_encoder: dict | None = None, maps: Sequence[str] = tuple(MAPS),
                 caption_encoder: dict | None = None, truncate_captions: bool = False, **kwargs) -> None:
        super().__init__(backbone, cls_head, **kwargs)
        if modalities is None:
            modalities, encoders = modalities_of_parts(map_encoder, maps, caption_encoder, truncate_captions)
        elif map_encoder is not None or caption_encoder is not None:
            raise ValueError('FineCLIPER: map_encoder and caption_encoder are a shorter form of modalities: give one '
                             'of both')
        self.modalities, configs = build_modalities(modalities, encoders, tuple(drop_modalities))
        for name, config in configs.items():
            self.add_module(name, MODELS.build(config))
        tied = {modality.encoder for modality in self.modalities.values() if modality.shares_frozen}
        for name in [name for name in configs if name in tied]:
            self.backbone.tie_frozen(getattr(self, name))

    def encoder_of(self, modality: Modality) -> nn.Module:
        """The module that makes a modality's features."""
        return getattr(self, str(modality.encoder))

    def predict(self, inputs: Tensor, data_samples: list, **kwargs) -> list:
        """Samples with their prediction; MMAction2's own keeps maps and captions from :meth:`extract_feat`."""
        features, head_kwargs = self.extract_feat(inputs, data_samples=data_samples, test_mode=True)
        return self.cls_head.predict(features, data_samples, **head_kwargs)

    def frame_logits(self, clips: Tensor) -> Tensor:
        """Logits (B, K) of clips (B, 3, T, H, W) seen by their frames alone.

        Raises:
            ValueError: for a model that does not look at frames.
        """
        names = [name for name, one in self.modalities.items() if one.per_view and not one.drop]
        if not names:
            raise ValueError('FineCLIPER: no modality that is used reads the frames: add '
                             "video=dict(type='VideoModality')")
        return self.cls_head({name: self.backbone(clips) for name in names[:1]})

    def extract_feat(self, inputs: Tensor, stage: str = 'neck', data_samples: list | None = None,
                     test_mode: bool = False) -> tuple[dict[str, Tensor] | Tensor, dict]:
        """Features of each modality, (B·views, T, D) or (B·views, D), and ``present``, (B·views,) of each.

        Args:
            inputs: clips (B, views, 3, T, H, W).
            stage: ``'neck'``, or ``'head'`` for logits.
            data_samples: samples that hold what other modalities than frames read.
            test_mode: leave out what is to be dropped.
        """
        features, present = {}, {}
        used = [modality for modality in self.modalities.values() if not (test_mode and modality.drop)]
        for _, group in groupby(sorted(used, key=self._turn), key=lambda modality: modality.encoder):
            self._add(features, present, list(group), inputs, data_samples or [None] * len(inputs))
        features = {modality.name: features[modality.name] for modality in used if modality.name in features}
        if not present or not _true(torch.stack(list(present.values())).any(dim=0).all()):
            raise ValueError('FineCLIPER: a clip of the batch has none of the modalities that are used: leave fewer '
                             'out, or give the set its maps and captions')
        kwargs = dict(present={name: present[name] for name in features})
        return (self.cls_head(features, **kwargs), {}) if stage == 'head' else (features, kwargs)

    def _turn(self, modality: Modality) -> int:
        """When a modality's encoder runs: in the order in which the modalities name them."""
        return [one.encoder for one in self.modalities.values()].index(modality.encoder)

    def _add(self, features: dict, present: dict, group: list[Modality], inputs: Tensor, samples: list) -> None:
        """Features of modalities with one encoder, which sees them as one batch."""
        batches, found = zip(*(modality.read(inputs, samples, self) for modality in group), strict=True)
        if not self.training and not any(bool(there.any()) for there in found):
            return                                      # in training DDP wants every parameter in every step
        encoded = group[0].encode(self.encoder_of(group[0]), torch.cat(batches) if len(batches) > 1 else batches[0])
        features_of = encoded.split([len(batch) for batch in batches])
        for modality, feature, there in zip(group, features_of, found, strict=True):
            views = 1 if modality.per_view else inputs.shape[1]
            features[modality.name] = feature.repeat_interleave(views, dim=0)
            present[modality.name] = there.repeat_interleave(views)


def _true(there: Tensor) -> bool:
    """A tensor's truth; that of one without values, whose step is only worked out, is taken for granted."""
    return isinstance(there, FakeTensor) or bool(there)


def modalities_of_parts(map_encoder: dict | None, maps: Sequence[str], caption_encoder: dict | None,
                        truncate: bool = False) -> tuple[dict[str, dict], dict[str, dict]]:
    """Modalities and shared encoders of the shorter form.

    Raises:
        ValueError: for maps that do not exist.
    """
    for name in maps:
        if name not in MAPS:
            raise ValueError(f'FineCLIPER: maps={list(maps)}: {name!r} is no kind of maps: {nearest(name, MAPS)}')
    modalities: dict[str, dict[str, Any]] = dict(video=dict(type='VideoModality'))
    encoders: dict[str, dict] = {}
    if map_encoder is not None and maps:
        encoders['map'] = map_encoder
        modalities.update((name, dict(type='MapModality', key=MAPS[name], encoder='map')) for name in maps)
    if caption_encoder is not None:
        modalities['caption'] = dict(type='CaptionModality', encoder=caption_encoder, truncate=truncate)
    return modalities, encoders


def modalities_of(model: Mapping) -> dict[str, Modality]:
    """The modalities of a model's config, without its encoders."""
    modalities, encoders = model.get('modalities'), model.get('encoders')
    if modalities is None:
        modalities, encoders = modalities_of_parts(model.get('map_encoder'), model.get('maps', tuple(MAPS)),
                                                   model.get('caption_encoder'))
    return build_modalities(modalities, encoders, tuple(model.get('drop_modalities') or ()))[0]
