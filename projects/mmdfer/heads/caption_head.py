"""Contrastive training of clips against their captions, zero-shot classification by class texts."""
from __future__ import annotations

import warnings

import torch
from mmengine.dist import get_rank, get_world_size
from torch import Tensor
from torch.nn import functional as F

from ..registry import MODELS
from ..text import tokenize
from ..text.tokenizer import end_positions
from .clip_text_head import CLIPTextHead, texts_of, unit


@MODELS.register_module()
class CaptionContrastiveHead(CLIPTextHead):
    """CLIP's symmetric loss over the clips and captions of all processes; predicts as its parent does.

    L = (CE(s, y) + CE(sᵀ, y)) / 2 with s = cos(m_i, f_j) / τ. Captions with the same tokens are each other's
    match too: their targets share the weight, since otherwise equal texts would be pushed apart. Features are
    gathered with their gradients, so that the loss and its gradient are those of one process that sees the
    whole batch.

    Args:
        caption_key: where a sample's metainfo holds its caption.
        equal_negatives: push clips of equal texts apart, as EmoCLIP's release does; it warns.
        truncate: cut captions over the text tower's context, and log it; otherwise they are an error.
        kwargs: of :class:`CLIPTextHead`.

    Raises:
        ValueError: for a clip without a caption.
    """

    trains_on_labels = False            # its classes are those of the set that it is tested on

    def __init__(self, *args, caption_key: str = 'caption', truncate: bool = False, equal_negatives: bool = False,
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.caption_key, self.truncate, self.equal_negatives = caption_key, truncate, equal_negatives
        if equal_negatives:
            warnings.warn(f'{type(self).__name__}: equal_negatives=True takes clips of equal texts for each other\'s '
                          'negatives, as the release does, and pushes apart what belongs together; leave it out for a '
                          'loss that takes them for matches', stacklevel=2)

    def loss(self, feats: Tensor, data_samples: list, **kwargs) -> dict[str, Tensor]:
        """``loss_contrast`` of clip features (B, T, D) or (B, D)."""
        clips = self.pool(feats)
        captions = texts_of(data_samples, self.caption_key)
        tokens = tokenize(captions, self.text_encoder.context_length, self.truncate).to(clips.device)
        return self.contrast(clips, unit(self._encode_captions(tokens)), tokens)

    def contrast(self, clips: Tensor, texts: Tensor, tokens: Tensor) -> dict[str, Tensor]:
        """``loss_contrast`` of unit features of clips and of their texts, (B, C), whose tokens are (B, L)."""
        with torch.autocast(clips.device.type, enabled=False):
            return dict(loss_contrast=contrastive_loss(clips, texts, tokens, self.scale, self.equal_negatives))

    def _encode_captions(self, tokens: Tensor) -> Tensor:
        ends = end_positions(tokens)
        return self.text_encoder(self.text_encoder.embed(tokens[:, :int(ends.max()) + 1]), ends)


def contrastive_loss(clips: Tensor, texts: Tensor, tokens: Tensor, scale: Tensor,
                     equal_negatives: bool = False) -> Tensor:
    """CLIP's loss of this process's rows against the columns of all processes.

    Args:
        clips: unit features (B, C).
        texts: unit features (B, C) of the clips' captions.
        tokens: (B, L), by which equal captions are known.
        scale: 1 / τ.
        equal_negatives: a clip's own text is its only match, whatever the others say.
    """
    all_clips, all_texts = gather_with_gradient(clips), gather_with_gradient(texts)
    all_tokens = gather_with_gradient(tokens)
    if equal_negatives:
        own = torch.arange(len(clips), device=clips.device) + get_rank() * len(clips)
        same = F.one_hot(own, len(all_clips)).to(clips.dtype)                  # (B, N)
    else:
        same = (tokens[:, None] == all_tokens).all(dim=-1).to(clips.dtype)
    targets = same / same.sum(dim=1, keepdim=True)
    return (F.cross_entropy(scale * clips @ all_texts.T, targets) +
            F.cross_entropy(scale * texts @ all_clips.T, targets)) / 2


def gather_with_gradient(x: Tensor) -> Tensor:
    """Rows of all processes in the order of their ranks, through which gradients reach each process's own.

    Every process must have as many rows.
    """
    if get_world_size() == 1:
        return x
    if not x.requires_grad:
        parts = [torch.empty_like(x) for _ in range(get_world_size())]
        torch.distributed.all_gather(parts, x.contiguous())
        parts[get_rank()] = x
        return torch.cat(parts)
    from torch.distributed.nn.functional import all_gather
    return torch.cat(all_gather(x.contiguous()))
