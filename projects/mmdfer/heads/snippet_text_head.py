"""DK-CLIP's head: a clip and its snippets against class texts that have read what the snippets show."""
from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from mmengine.logging import MessageHub
from torch import Tensor
from torch.nn import functional as F

from ..registry import MODELS
from ..text import CLIPTextEncoder, FixedPrompts
from .clip_text_head import CLIPTextHead, unit
from .snippet_parts import SnippetIntegration, TextEnhancer, snippet_weights

SCORES = ('global', 'local', 'both')
#: What the backbone gives: s (B, J, D) and V (B, J, N, D).
Snippets = tuple[Tensor, Tensor]


class SnippetLogits(NamedTuple):
    """Logits (B, K) of the clip as a whole and of its snippets together."""
    whole: Tensor
    local: Tensor


@MODELS.register_module()
class SnippetTextHead(CLIPTextHead):
    """Logits of :class:`mmdfer.backbones.Snippets` s, V and class texts t (DK-CLIP, Li et al., ACM MM 2024)::

        g     = mean_j(layers(s + pos) + s)
        w     = softmax_j(minmax_j(cos(g, s_j)));  snippets of w_j < 0.15 are erased
        V     = mean of the kept V_j
        t_k  += α ⊙ D(t_k, V)                      D reads V by cross-attention
        global = cos(g, t_k) / τ
        local  = Σ_j kept w_j · cos(s_j, t_k) / τ

    Loss: CE(global) and, in the first ``local_epochs`` epochs, CE(local) and ``-Σ_k p_k log q_k`` of p =
    softmax(global) and q = softmax(local). The release takes a second softmax of q, which leaves next to no gradient.
    Snippets that are all alike are kept, each with the same weight; the release divides by zero there.

    Args:
        num_classes, text_encoder, texts, kwargs: of :class:`CLIPTextHead`; several texts of a class are averaged.
        snippets: J.
        integration_layers, enhancer_layers: of the two parts that CLIP does not have.
        alpha: where α starts.
        erase_below: least weight of a snippet that is kept.
        local_epochs: epochs with the terms of the snippets.
        scores: what predicts: ``'global'``, by which the release's figures are; ``'local'``; or ``'both'``, the mean
            of both probabilities.
        released: keep ``integration`` random and frozen, as the release does whose list of what trains calls it by
            another name; warns.

    Raises:
        ValueError: for unknown scores, a reduction other than the mean, or a temporal module or projection.
    """

    def __init__(self, num_classes: int | None = None, text_encoder: dict | None = None, texts: dict | None = None,
                 snippets: int = 4, integration_layers: int = 1, enhancer_layers: int = 2, alpha: float = 0.1,
                 erase_below: float = 0.15, local_epochs: int = 14, scores: str = 'global', released: bool = False,
                 **kwargs) -> None:
        super().__init__(num_classes, text_encoder, texts, **kwargs)
        if scores not in SCORES:
            raise ValueError(f'SnippetTextHead: scores={scores!r} is not known: choose one of {", ".join(SCORES)}')
        if self.temporal is not None or self.projection is not None or not self.reduction.one_feature or \
                self.prompt_learner.conditional:
            raise ValueError("SnippetTextHead: leave out temporal, projection, conditional prompts and reduce='max': "
                             'snippets have a way of their own to one feature of the clip')
        self.erase_below, self.local_epochs, self.scores = erase_below, local_epochs, scores
        self.integration = SnippetIntegration(self.in_channels, snippets, integration_layers)
        self.enhancer = TextEnhancer(self.in_channels, enhancer_layers, alpha)
        if released:
            warnings.warn('SnippetTextHead: released=True keeps the layer over the snippets random and frozen, as the '
                          'release does; leave it out to train it', stacklevel=2)
            self.integration.requires_grad_(False)

    def forward(self, x: Snippets, **kwargs) -> Tensor:                        # type: ignore[override]
        """Snippets as logits (B, K) of what predicts."""
        logits = self.logits(x)
        if self.scores == 'both':
            return torch.stack([each.softmax(dim=1) for each in logits]).mean(dim=0).log()
        return logits.whole if self.scores == 'global' else logits.local

    def logits(self, x: Snippets) -> SnippetLogits:
        """Logits of the clip as a whole and of its snippets.

        Raises:
            ValueError: for features of another width, or another number of snippets.
        """
        features, patches = x
        places = self.integration.pos_embed.shape[1:]
        if features.ndim != 3 or features.shape[1:] != places:
            raise ValueError(f'SnippetTextHead expects snippets (B, {places[0]}, {places[1]}), got '
                             f"{tuple(features.shape)}: give head and backbone the same snippets, and in_channels the "
                             "backbone's proj_dim")
        clips, single = self.pool(x), unit(features)                           # (B, D), (B, J, D)
        with torch.autocast(clips.device.type, enabled=False):
            weights, kept = snippet_weights(torch.einsum('bd,bjd->bj', clips, single), self.erase_below)
            shares = kept / kept.sum(dim=1, keepdim=True)                      # (B, J)
        seen = torch.einsum('bj,bjnd->bnd', shares.to(patches.dtype), patches)
        texts = self.encode_texts(self.text_encoder, self.prompt_learner)      # (K, D)
        texts = unit(texts + self.enhancer(texts, seen))                       # (B, K, D)
        with torch.autocast(clips.device.type, enabled=False):
            whole = torch.einsum('bd,bkd->bk', clips, texts) * self.scale
            local = torch.einsum('bj,bjd,bkd->bk', weights * kept, single, texts) * self.scale
        return SnippetLogits(whole, local)

    def pool(self, x: Snippets) -> Tensor:                                     # type: ignore[override]
        """The unit feature g of each clip, (B, D)."""
        return unit(self.integration(x[0]))

    def loss(self, feats: Snippets, data_samples: list, **kwargs) -> dict[str, Tensor]:
        """``loss_cls`` and, in the first epochs, ``loss_local`` and ``loss_consistency``."""
        logits = self.logits(feats)
        losses = self.loss_by_feat(logits.whole, data_samples)
        if current_epoch() < self.local_epochs:
            losses['loss_local'] = self.loss_by_feat(logits.local, data_samples)['loss_cls']
            losses['loss_consistency'] = F.cross_entropy(logits.local, logits.whole.softmax(dim=1))
        return losses

    def encode_texts(self, encoder: CLIPTextEncoder, learner: FixedPrompts, clips: Tensor | None = None) -> Tensor:
        """Features (K, D) of the class texts as the tower gives them; they are made unit once they have read a clip."""
        if learner.kept is not None:
            return learner.kept
        if learner.fixed_texts:
            features = encoder.cached_text_features(learner.tokens)
        else:
            prompts = learner(encoder)
            features = encoder(prompts.embeddings, prompts.ends, prompts.deep)
        owners, summed = learner.owners, features.new_zeros(self.num_classes, features.shape[1])
        return summed.index_add(0, owners, features) / owners.bincount(minlength=self.num_classes)[:, None]

    def text_features(self, clips: Tensor | None = None) -> Tensor:
        """Unit features (K, D) of the class texts before they read a clip."""
        return unit(self.encode_texts(self.text_encoder, self.prompt_learner))


def current_epoch() -> int:
    """The running training's epoch from 0; 0 outside one."""
    hub = MessageHub.get_current_instance()
    return hub.get_info('epoch', 0)
