"""Contrastive training of clips against their captions, zero-shot classification by class texts."""
from __future__ import annotations

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
        truncate: cut captions over the text tower's context, and log it; otherwise they are an error.
        kwargs: of :class:`CLIPTextHead`.

    Raises:
        ValueError: for a clip without a caption.
    """

    trains_on_labels = False            # its classes are those of the set that it is tested on

    def __init__(self, *args, caption_key: str = 'caption', truncate: bool = False, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.caption_key, self.truncate = caption_key, truncate

    def loss(self, feats: Tensor, data_samples: list, **kwargs) -> dict[str, Tensor]:
        """``loss_contrast`` of clip features (B, T, D) or (B, D)."""
        clips = self.pool(feats)
        captions = texts_of(data_samples, self.caption_key)
        tokens = tokenize(captions, self.text_encoder.context_length, self.truncate).to(clips.device)
        texts = unit(self._encode_captions(tokens))
        with torch.autocast(clips.device.type, enabled=False):
            return dict(loss_contrast=contrastive_loss(clips, texts, tokens, self.scale))

    def _encode_captions(self, tokens: Tensor) -> Tensor:
        ends = end_positions(tokens)
        return self.text_encoder(self.text_encoder.embed(tokens[:, :int(ends.max()) + 1]), ends)


def contrastive_loss(clips: Tensor, texts: Tensor, tokens: Tensor, scale: Tensor) -> Tensor:
    """CLIP's loss of this process's rows against the columns of all processes.

    Args:
        clips: unit features (B, C).
        texts: unit features (B, C) of the clips' captions.
        tokens: (B, L), by which equal captions are known.
        scale: 1 / τ.
    """
    all_clips, all_texts = gather_with_gradient(clips), gather_with_gradient(texts)
    all_tokens = gather_with_gradient(tokens)
    same = (tokens[:, None] == all_tokens).all(dim=-1).to(clips.dtype)         # (B, N)
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
