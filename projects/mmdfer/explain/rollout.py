"""Gradient attention rollout and last-block attention over the frames of a clip."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .attention import Seen, kept_graph
from .flows import flow_of


@dataclass(frozen=True)
class AttentionMaps:
    """Where a model looks in a clip of T frames of H × W patches.

    Args:
        rollout: (T, H, W), gradient attention rollout; sums to 1 over the clip. ``None`` where it was not asked for.
        attention: (T, H, W), what the read-out attends to in the last block, mean over heads; sums to 1.
        flow: (T, H, W), attention rollout without gradients; sums to 1.
        probabilities: (K,).
        target: the class whose logit the gradients are of.
    """
    rollout: Tensor | None
    attention: Tensor
    flow: Tensor
    probabilities: Tensor
    target: int


def attention_maps(model: nn.Module, clip: Tensor, samples: list | None = None,
                   target: int | None = None, gradient: bool = True) -> AttentionMaps:
    """Run a recognizer on one clip and follow the attention of its backbone back to the patches.

    With A_l the attention of block l and y the logit of a class, the gradient attention rollout is the read-out's row
    of R = (I + Ā_L) ... (I + Ā_1) with Ā_l = E_heads[(A_l ⊙ ∂y/∂A_l)⁺] (Chefer et al., ICCV 2021, eqs. 5 and 6), at the
    patches; the rollout without gradients has A_l itself in the place of the product (Abnar and Zuidema, ACL 2020).
    A frame counts by what reaches its own patches, so that the sums over frames tell their importance.

    Args:
        model: a recognizer of MMAction2 or of this package, in evaluation mode.
        clip: one clip as the model's preprocessor gives it, one view: (1, 1, 3, T, H, W), or (1, T, 3, H, W) of a
            ``Recognizer2D``.
        samples: the clip's sample in a list, for models that read maps or captions.
        target: the class. Defaults to the predicted one.
        gradient: whether the gradient attention rollout is wanted.

    Raises:
        ValueError: for a backbone without attention, logits that are no numbers, a class that is not there, and, with
            ``gradient``, a model in which the class's logit has no gradient to the attention.
    """
    flow = flow_of(model.backbone)
    frames = clip.detach().clone().requires_grad_(gradient)
    with kept_graph(model) if gradient else torch.no_grad(), flow.watched() as seen:
        logits = clip_logits(model, frames, samples)
        target = int(logits.argmax()) if target is None else target
        if not 0 <= target < len(logits):
            raise ValueError(f'class {target}: the model has {len(logits)} classes, numbered from 0')
        if gradient and logits.requires_grad:
            torch.autograd.grad(logits[target], [frames], allow_unused=True)
    name = type(flow.backbone).__name__.removeprefix('Adapted')
    means = _ran(seen, name)
    rollout = share(flow.back(_reached(seen, name)), f'the gradient of class {target} at the attention of {name}',
                    'nothing in the frames speaks for the class; is the head trained?') if gradient else None
    return AttentionMaps(
        rollout=rollout,
        attention=share(flow.back(means, residual=False, last=1), f'the attention of {name}'),
        flow=share(flow.back(means), f'the attention of {name}'),
        probabilities=logits.detach().softmax(dim=0), target=target)


def clip_logits(model: nn.Module, clip: Tensor, samples: list | None = None) -> Tensor:
    """Logits (K,) of one view of one clip.

    Raises:
        ValueError: for several views, and logits that are no numbers.
    """
    logits = model.extract_feat(clip, stage='head', data_samples=samples)[0]
    if logits.ndim != 2 or len(logits) != 1:
        raise ValueError(f'a clip {tuple(clip.shape)} gives logits {tuple(logits.shape)}: expected one view of one '
                         'clip')
    if not logits.isfinite().all():
        raise ValueError('the logits of the clip are no numbers (NaN or infinite): the checkpoint is of a training '
                         'that diverged, or does not fit')
    return logits[0]


def _ran(seen: list[Seen], name: str) -> list[Tensor]:
    silent = sum(one.mean is None for one in seen)
    if silent or not seen:
        raise ValueError(f'{silent or "none"} of the {len(seen)} attention modules of {name} did not run: the model '
                         'does not look at the frames through its backbone')
    return [one.mean for one in seen]


def _reached(seen: list[Seen], name: str) -> list[Tensor]:
    without = sum(one.weighted is None for one in seen)
    if without:
        raise ValueError(f"the class's logit has no gradient to {without} of the {len(seen)} attention modules of "
                         f'{name}, which attention rollout needs: a part of the model runs without gradients; what the '
                         'last block attends to, and frames by hiding them, need none')
    return [one.weighted for one in seen]


def share(values: Tensor, what: str, why: str = 'the checkpoint does not fit') -> Tensor:
    """Values as shares of their sum, in float64.

    Raises:
        ValueError: for values that are no numbers or all zero; it names ``what`` and says ``why``.
    """
    values = values.detach().double().cpu()
    if not values.isfinite().all():
        raise ValueError(f'{what} is no number (NaN or infinite): the checkpoint is of a training that diverged')
    if not values.sum() > 0:
        raise ValueError(f'{what} is zero everywhere: {why}')
    return values / values.sum()
