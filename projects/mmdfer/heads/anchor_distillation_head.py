"""S2D's self-distillation: soft targets from the nearest anchors of each emotion."""
from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather
from mmengine.logging import MessageHub, print_log
from torch import Tensor

from ..class_order import Axis
from ..registry import MODELS
from .linear_video_head import LinearVideoHead

#: From which epoch (from 0) the distillation's loss has which weight.
SCHEDULE = ((30, 0.01), (50, 0.1), (60, 0.5), (80, 1.))
_LEAST = 1e-6


@MODELS.register_module()
class AnchorDistillationHead(LinearVideoHead):
    """:class:`LinearVideoHead` with S2D's emotion anchors: cross-entropy + w · BCE(logits, y).

    For each class a queue keeps the features (after dropout) and class probabilities of the last clips of it, first
    in, first out. A clip's soft target is y = Σ_c Σ_k s_ck p_ck / Σ_c Σ_k s_ck over the two anchors of each class c
    that are nearest to its feature, p their probabilities and s their cosine to it (a negative one counts as 0). BCE is
    binary cross-entropy on logits, its mean over clips and classes.

    Queues are filled from whole clips in every ``fill_every``-th epoch from ``fill_from`` on, for which
    :class:`mmdfer.engine.AnchorHook` switches mixing off. They are buffers, and so survive a resumed run. The loss is
    left out until each class has as many anchors as are compared. Epochs count from 0, those of the run's
    ``MessageHub``.

    ``release`` is what S2D's release does: queues start as uniform random numbers and are used so, whether or not
    anything was ever filled in; with its ``fill_every=100`` of 100 epochs nothing is. It warns.

    Args:
        anchors: length Q of each queue.
        neighbours: anchors of each class that are compared.
        schedule: (epoch, weight w) from which epoch on w is what; 0 before.
        fill_from, fill_every: the epochs that fill the queues: those from the first on that the second divides.
        release: start the queues with noise and use it.
        args, kwargs: of :class:`LinearVideoHead`.

    Raises:
        ValueError: for queues shorter than what is compared, an epoch interval below 1, or a schedule out of order.
    """

    def __init__(self, *args, anchors: int = 16, neighbours: int = 2,
                 schedule: Sequence[tuple[int, float]] = SCHEDULE, fill_from: int = 21, fill_every: int = 5,
                 release: bool = False, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not 1 <= neighbours <= anchors or fill_every < 1:
            raise ValueError(f'AnchorDistillationHead: anchors={anchors}, neighbours={neighbours}, fill_every='
                             f'{fill_every}: expected 1 <= neighbours <= anchors, and fill_every of 1 or more')
        self.schedule = [(int(epoch), float(weight)) for epoch, weight in schedule]
        if self.schedule != sorted(self.schedule):
            raise ValueError(f'AnchorDistillationHead: schedule={self.schedule} is not in the order of its epochs')
        self.neighbours, self.fill_from, self.fill_every, self.release = neighbours, fill_from, fill_every, release
        start = torch.rand if release else torch.zeros
        self.register_buffer('anchors', start(self.num_classes, anchors, self.in_channels))
        self.register_buffer('anchor_scores', start(self.num_classes, anchors, self.num_classes))
        self.register_buffer('anchor_counts', torch.zeros(self.num_classes, dtype=torch.long))
        self._warned = False
        if release:
            warnings.warn('AnchorDistillationHead: release=True starts the anchors as random numbers and learns from '
                          'them, as the release does; leave it out for anchors of real clips alone', stacklevel=2)

    def class_axes(self) -> dict[str, Axis]:
        """Anchors go by class, and their probabilities by it twice."""
        return dict(super().class_axes(), anchors=0, anchor_scores=(0, 2), anchor_counts=0)

    def training_buffers(self) -> tuple[str, ...]:
        """Buffers that training fills and predictions do not depend on."""
        return 'anchors', 'anchor_scores', 'anchor_counts'

    def fills(self, epoch: int) -> bool:
        """Whether this epoch fills the queues."""
        return epoch >= self.fill_from and epoch % self.fill_every == 0

    def weight(self, epoch: int) -> float:
        """The loss's weight w in this epoch."""
        return next((weight for begin, weight in reversed(self.schedule) if epoch >= begin), 0.)

    def loss(self, feats: Tensor, data_samples: list, **kwargs) -> dict[str, Tensor]:
        """Cross-entropy, and in its time ``loss_anchors``; in epochs that fill the queues, whole clips enter them."""
        features = self.dropout(feats.mean(dim=1))                          # (B, T, D) -> (B, D)
        logits = self.classify(features)
        losses = self.loss_by_feat(logits, data_samples)
        epoch = MessageHub.get_current_instance().get_info('epoch', 0)
        weight = self.weight(epoch)
        if weight and self._is_filled(epoch):
            targets = self.soft_targets(features)
            losses['loss_anchors'] = weight * F.binary_cross_entropy_with_logits(logits, targets)
        labels = [sample.gt_label for sample in data_samples]
        if self.fills(epoch) and all(label.numel() == 1 for label in labels):
            self.fill(features, logits, torch.cat(labels).to(logits.device))
        return losses

    @torch.no_grad()
    def soft_targets(self, features: Tensor) -> Tensor:
        """y (B, K) of features (B, D)."""
        anchors = F.normalize(self.anchors.float(), dim=-1)                 # (K, Q, D)
        similar = torch.einsum('bd,kqd->bkq', F.normalize(features.float(), dim=-1), anchors)
        if not self.release:                                                # a place that no clip has filled yet
            places = torch.arange(anchors.shape[1], device=anchors.device)
            similar = similar.masked_fill(places >= self.anchor_counts[:, None], -1.)
        nearest, index = similar.topk(self.neighbours, dim=-1)              # (B, K, k)
        if not self.release:
            nearest = nearest.clamp(min=_LEAST)
        scores = self.anchor_scores[torch.arange(len(anchors), device=index.device)[:, None], index]    # (B, K, k, K)
        total = (nearest[..., None] * scores).sum(dim=(1, 2))
        return total / nearest.sum(dim=(1, 2))[:, None]

    @torch.no_grad()
    def fill(self, features: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Put clips into the queues of their classes, the oldest going; those of all processes into each one's."""
        features, scores, labels = (torch.cat(all_gather(part.contiguous()))
                                    for part in (features.detach().float(), logits.detach().softmax(-1), labels))
        for feature, score, label in zip(features, scores, labels.tolist(), strict=True):
            place = int(self.anchor_counts[label]) % self.anchors.shape[1]
            self.anchors[label, place], self.anchor_scores[label, place] = feature, score
            self.anchor_counts[label] += 1

    def _is_filled(self, epoch: int) -> bool:
        if self.release or int(self.anchor_counts.min()) >= self.neighbours:
            return True
        if not self._warned:
            self._warned = True
            few = (self.anchor_counts < self.neighbours).nonzero().flatten().tolist()
            print_log(f'epoch {epoch + 1}: no distillation yet, since classes {few} have fewer than {self.neighbours} '
                      'anchors, which epochs fill as fill_from and fill_every say; does a training clip of each class '
                      'come?', logger='current', level=logging.WARNING)
        return False
