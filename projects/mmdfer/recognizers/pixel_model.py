"""A recognizer as other programs want it: pixels in, probabilities out."""
from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class PixelModel(nn.Module):
    """Clips of RGB pixels (B, 3, T, H, W) from 0 to 255 -> logits and probabilities, both (B, K).

    Normalisation is inside. Texts that are the same for every clip are worked out once: the graph holds their
    features, and no text tower. A model that sees a clip in several ways sees its frames alone.

    Args:
        recognizer: of MMAction2 or of this package, with its weights; it is copied.
    """

    def __init__(self, recognizer: nn.Module) -> None:
        super().__init__()
        model = copy.deepcopy(recognizer).eval()
        self.reads_frames_alone = hasattr(model, 'frame_logits')
        head = getattr(model, 'cls_head', None)
        if hasattr(head, 'keep_texts'):
            head.keep_texts()
            for name, part in list(head.named_children()):  # a head asks whether it has a tower, so one stands there
                if any(part is tower and not texts.conditional for tower, texts in head.towers()):
                    setattr(head, name, nn.Identity())
        others = [name for name, _ in model.named_children() if self.reads_frames_alone and name.endswith('_encoder')]
        for name in others:
            setattr(model, name, None)                      # of what else a clip may have
        before = model.data_preprocessor
        self.to_rgb = bool(before.to_rgb)
        normalises = bool(before._enable_normalize)
        self.register_buffer('mean', before.mean.reshape(3, 1, 1, 1) if normalises else torch.zeros(3, 1, 1, 1))
        self.register_buffer('std', before.std.reshape(3, 1, 1, 1) if normalises else torch.ones(3, 1, 1, 1))
        self.model = model.requires_grad_(False)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        if self.to_rgb:
            clips = clips[:, [2, 1, 0]]
        clips = (clips - self.mean) / self.std
        if self.reads_frames_alone:
            logits = self.model.frame_logits(clips)
        else:
            logits = self.model.extract_feat(clips.unsqueeze(1), stage='head')[0]
        return logits, logits.softmax(dim=1)
