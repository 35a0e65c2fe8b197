"""FMix: two clips mixed by a random mask of low frequencies."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmaction.models.utils import BaseMiniBatchBlending
from torch import Tensor
from torch.distributions.beta import Beta

from ..registry import MODELS


def fmix_mask(shape: Sequence[int], share: float, decay: float = 3.) -> Tensor:
    """A random binary mask in blobs, of which ``round(share · size)`` elements are 1 (Harris et al., 2020).

    The spectrum of normal noise is divided by ``max(f, 1 / max(H, W)) ** decay`` at each spatial frequency f
    and taken back to pixels, whose highest values become the mask. The authors' code indexes its spectrum
    wrongly, so that its masks vary along one axis; these vary along all alike, the noise being drawn as pixels
    and so of a spectrum with the symmetry that half a one drawn at random lacks. Draws from torch's CPU
    generator.

    Args:
        shape: (H, W), or (T, H, W) for a mask that also changes over time, over the whole clip about as much
            as over the longer side of a frame.
        share: of elements that are 1, from 0 to 1.
        decay: the higher, the smoother.

    Returns:
        A mask of bool on the CPU.

    Raises:
        ValueError: for a share outside [0, 1] or a shape of other than 2 or 3 axes.
    """
    if not 0 <= share <= 1 or len(shape) not in (2, 3):
        raise ValueError(f'fmix_mask: expected a share from 0 to 1 and a shape (H, W) or (T, H, W), got {share} and '
                         f'{tuple(shape)}')
    longer = max(shape[-2:])
    axes = [torch.fft.fftfreq(shape[-2]), torch.fft.rfftfreq(shape[-1])]
    if len(shape) == 3:
        axes.insert(0, torch.fft.fftfreq(shape[0]) * shape[0] / longer)     # the clip's length counts as the side
    squares = torch.meshgrid(*(axis.square() for axis in axes), indexing='ij')
    frequency = torch.stack(squares).sum(dim=0).sqrt()
    spectrum = torch.fft.rfftn(torch.randn(tuple(shape))) / frequency.clamp(min=1 / longer)**decay
    order = torch.fft.irfftn(spectrum, s=tuple(shape)).flatten().argsort(descending=True)
    mask = torch.zeros(order.numel(), dtype=torch.bool)
    mask[order[:round(share * order.numel())]] = True
    return mask.view(tuple(shape))


@MODELS.register_module()
class FMixBlending(BaseMiniBatchBlending):
    """FMix of a batch: where one mask is 1 a clip keeps its pixels, elsewhere it takes those of another clip.

    λ ~ Beta(α, α), one mask and one permutation a batch. Labels are mixed by the share of pixels that were
    kept, which is λ to half a pixel, so that cross-entropy is λ·CE(y1) + (1 - λ)·CE(y2).

    Args:
        num_classes: number of classes.
        alpha: α.
        decay: of the mask's spectrum.
        axes: ``'hw'``, one mask (H, W) for all frames, or ``'thw'``, a mask (T, H, W).

    Raises:
        ValueError: for ``alpha`` or ``decay`` not above 0, unknown axes, or ``'thw'`` for images without time.
    """

    def __init__(self, num_classes: int, alpha: float = 1., decay: float = 3., axes: str = 'hw') -> None:
        if alpha <= 0 or decay <= 0:
            raise ValueError(f'FMixBlending: alpha={alpha} and decay={decay} must both be above 0')
        if axes not in ('hw', 'thw'):
            raise ValueError(f"FMixBlending: axes={axes!r} is not known: choose 'hw', one mask for all frames, or 'thw'")
        super().__init__(num_classes)
        self.beta = Beta(alpha, alpha)
        self.decay, self.axes = decay, axes

    def do_blending(self, imgs: Tensor, label: Tensor, **kwargs) -> tuple[Tensor, Tensor]:
        """Mix (B, N, C, H, W) or (B, N, C, T, H, W) and one-hot or soft labels (B, K)."""
        if self.axes == 'thw' and imgs.ndim != 6:
            raise ValueError(f"FMixBlending: axes='thw' needs clips (B, N, C, T, H, W), got {tuple(imgs.shape)}; use "
                             "axes='hw'")
        mask = fmix_mask(imgs.shape[-len(self.axes):], float(self.beta.sample()), self.decay)
        kept = mask.double().mean().item()
        other = torch.randperm(len(imgs)).to(imgs.device)
        mixed = torch.where(mask.to(imgs.device), imgs, imgs[other])
        return mixed, kept * label + (1 - kept) * label[other]
