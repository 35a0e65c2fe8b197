"""How several texts of a class become one, or count as one."""
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..registry import TEXT_REDUCTIONS


class TextReduction:
    """What a reduction is: one step on the texts' features, one on their similarities.

    ``owners`` (N,) says which of K classes each text is of.
    """
    one_feature = True                  # whether each class ends up with one feature

    def features(self, features: Tensor, owners: Tensor, classes: int) -> Tensor:
        """Unit features (..., N, C) of texts as those (..., K, C) that clips are compared with, or left as they are."""
        return features

    def similarity(self, cosines: Tensor, owners: Tensor, classes: int) -> Tensor:
        """Cosines (B, N) or (B, K) with what :meth:`features` gave as (B, K)."""
        return cosines


@TEXT_REDUCTIONS.register_module('mean')
class MeanOfTexts(TextReduction):
    """The unit vector along the mean of a class's unit features, as in CLIP's ensembles."""

    def features(self, features: Tensor, owners: Tensor, classes: int) -> Tensor:
        if len(owners) == classes:
            return features
        summed = features.new_zeros(*features.shape[:-2], classes, features.shape[-1]).index_add(-2, owners, features)
        return F.normalize(summed, dim=-1)


@TEXT_REDUCTIONS.register_module('max')
class BestText(TextReduction):
    """The text of a class that a clip is most like."""
    one_feature = False

    def similarity(self, cosines: Tensor, owners: Tensor, classes: int) -> Tensor:
        best = cosines.new_full((cosines.shape[0], classes), -torch.inf)
        return best.scatter_reduce(1, owners.expand(cosines.shape[0], -1), cosines, 'amax')
