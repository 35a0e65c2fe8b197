"""FineCLIPER's head: positive and negative label texts, and modalities fused by their similarity with them."""
from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from ..registry import MODELS
from ..text import CLIPTextEncoder, FixedPrompts
from .clip_text_head import CLIPTextHead, unit


@MODELS.register_module()
class FineCLIPERHead(CLIPTextHead):
    """Logits of a clip seen through several modalities (FineCLIPER, ACM MM 2024).

    For unit features m of the modalities (v video, p parsing, l landmarks, f caption) and of the positive and
    negative texts of each class::

        s_k(m) = cos(c_k^P, m) - cos(c_k^N, m)
        w_m    = softmax over the modalities present of max_k s_k(m)
        v_mm   = Σ_m w_m · m
        loss   = CE(s(v_mm) / τ) + Σ_m w_m · CE(s(m) / τ)        the mean over the batch

    The prediction is softmax(s(v_mm) / τ). A modality that a clip or a run lacks is in no sum. Label texts are
    encoded once a step, whatever the number of modalities. With one modality its weight is 1 and the loss
    2 · CE.

    Args:
        num_classes: number of classes K; a run's config gets it from the data.
        text_encoder: config of the tower of the positive texts P, with adapters of its own.
        texts: arguments of :func:`mmdfer.text.class_texts` for P.
        negative_encoder: config of the tower of the negative texts N; shares its frozen weights with P's.
            ``None`` for P alone.
        negative_texts: arguments for N that differ from those for P, such as the templates.
        kwargs: of :class:`CLIPTextHead`.

    Raises:
        ValueError: for a learned context or ``reduce='max'``, which have no meaning here.
    """

    def __init__(self, num_classes: int | None = None, text_encoder: dict | None = None, texts: dict | None = None,
                 negative_encoder: dict | None = None, negative_texts: dict | None = None, **kwargs) -> None:
        super().__init__(num_classes, text_encoder, texts, **kwargs)
        if kwargs.get('prompts') or not self.reduction.one_feature:
            raise ValueError("FineCLIPERHead: leave out prompts and reduce='max'; a class is one direction here, from "
                             'its negative to its positive text')
        self.negative_encoder = None
        if negative_encoder is not None:
            self.negative_encoder = MODELS.build(negative_encoder)
            self.negative_learner = self._build_prompts(self.negative_encoder, dict(texts, **negative_texts or {}), {})
            self.text_encoder.tie_frozen(self.negative_encoder)

    def towers(self) -> list[tuple[CLIPTextEncoder, FixedPrompts]]:
        negative = [] if self.negative_encoder is None else [(self.negative_encoder, self.negative_learner)]
        return [*super().towers(), *negative]

    def texts(self) -> tuple[Tensor, Tensor | None]:
        """Unit features c^P and c^N of each class, (K, C); ``None`` without negative texts."""
        if self.negative_encoder is None:
            return self.text_features(), None
        return self.text_features(), self.encode_texts(self.negative_encoder, self.negative_learner)

    def directions(self) -> Tensor:
        """c^P - c^N of each class, (K, C): its product with a unit feature is the feature's similarity."""
        positive, negative = self.texts()
        return positive if negative is None else positive - negative

    def forward(self, x: Tensor | Mapping[str, Tensor], present: Mapping[str, Tensor] | None = None,
                **kwargs) -> Tensor:
        """Logits (B, K) of the fused feature; ``x`` and ``present`` as for :meth:`fuse`."""
        return self.fuse(x, present)[0]

    def fuse(self, x: Tensor | Mapping[str, Tensor],
             present: Mapping[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """Logits of the fused feature, and logits and weights of each modality.

        Args:
            x: features (B, T, D) or (B, D) by the name of their modality; a tensor is the video's.
            present: for modalities that not every clip has, which clips do, (B,) of bool.

        Returns:
            (B, K); (B, K) for each modality; weights (B,) for each modality, 0 where it is not present.
        """
        directions = self.directions()
        fused, similarity, weights = self._fused(x, present, directions)
        with torch.autocast(fused.device.type, enabled=False):
            logits = fused @ directions.T * self.scale
        each = (similarity * self.scale).unbind(1)
        names = ('video', ) if isinstance(x, Tensor) else tuple(x)
        return logits, dict(zip(names, each, strict=True)), dict(zip(names, weights.unbind(1), strict=True))

    def sides(self, x: Tensor | Mapping[str, Tensor],
              present: Mapping[str, Tensor] | None = None) -> tuple[Tensor, Tensor | None]:
        """Cosines of the fused feature with the positive and with the negative text of each class, both (B, K)."""
        positive, negative = self.texts()
        fused = self._fused(x, present, positive if negative is None else positive - negative)[0]
        return fused @ positive.T, None if negative is None else fused @ negative.T

    def _fused(self, x: Tensor | Mapping[str, Tensor], present: Mapping[str, Tensor] | None,
               directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The fused feature (B, C), and of the modalities similarities (B, M, K) and weights (B, M)."""
        x = dict(video=x) if isinstance(x, Tensor) else x
        features = torch.stack([self.pool(feature) for feature in x.values()], dim=1)          # (B, M, C)
        there = torch.stack([torch.as_tensor((present or {}).get(name, True), device=features.device).expand(
            features.shape[0]) for name in x], dim=1)                                              # (B, M)
        with torch.autocast(features.device.type, enabled=False):
            similarity = features @ directions.T                                               # (B, M, K)
            weights = similarity.amax(dim=2).masked_fill(~there, -torch.inf).softmax(dim=1)    # (B, M)
            return unit((weights[..., None] * features).sum(dim=1)), similarity, weights

    def loss(self, feats: Tensor | Mapping[str, Tensor], data_samples: list, **kwargs) -> dict[str, Tensor]:
        """``loss_fused`` and, of each modality, ``loss_<name>``, weighted; the weights' means are logged."""
        fused, logits, weights = self.fuse(feats, kwargs.get('present'))
        targets = self._targets(data_samples, fused)
        losses = dict(loss_fused=F.cross_entropy(fused, targets))
        for name in logits:
            each = F.cross_entropy(logits[name], targets, reduction='none')
            losses[f'loss_{name}'] = (weights[name] * each).mean()
            losses[f'weight_{name}'] = weights[name].detach().mean()
        return losses

    def _targets(self, data_samples: list, logits: Tensor) -> Tensor:
        """Labels as shares of the classes, (B, K), smoothed as ``label_smooth_eps`` says."""
        labels = torch.stack([sample.gt_label for sample in data_samples]).to(logits.device)
        if labels.shape != logits.shape:
            labels = F.one_hot(labels.flatten(), self.num_classes)
        return labels.to(logits.dtype) * (1 - self.label_smooth_eps) + self.label_smooth_eps / self.num_classes
