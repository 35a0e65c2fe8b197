"""The parts of a prompt learner: where its context stands, what it starts from, and prompts of the image tower."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..registry import CONTEXT_POSITIONS, CONTEXT_STARTS, VISION_PROMPTS
from .clip_text import CLIPTextEncoder
from .tokenizer import end_positions, tokenize


# How many of n context tokens stand behind the class text; the others stand before it.
@CONTEXT_POSITIONS.register_module('end')
def class_at_end(context: int) -> int:
    """The class text behind the context."""
    return 0


@CONTEXT_POSITIONS.register_module('middle')
def class_in_middle(context: int) -> int:
    """The class text within the context."""
    return context // 2


@CONTEXT_POSITIONS.register_module('front')
def class_in_front(context: int) -> int:
    """The class text before the context."""
    return context


@CONTEXT_STARTS.register_module('words')
class FromWords:
    """Start the context from the embeddings of words.

    Args:
        words: such as ``'a photo of a'``; as many tokens as the context.
    """

    def __init__(self, words: str) -> None:
        self.words = words

    @torch.no_grad()
    def __call__(self, context: Tensor, tower: CLIPTextEncoder) -> None:
        """Fill a context (n, C), or (K, n, C) of each class.

        Raises:
            ValueError: for words of another number of tokens.
        """
        tokens = tokenize(self.words, tower.context_length)
        number = int(end_positions(tokens)) - 1
        if number != context.shape[-2]:
            raise ValueError(f'prompts: init={self.words!r} has {number} tokens, context={context.shape[-2]}: make '
                             'them equal')
        context.copy_(tower.embed(tokens.to(context.device))[0, 1:number + 1].expand_as(context))


class VisionPrompts:
    """What a kind of vision prompts is: a module that gives the image tower its prompts.

    It is made with ``width`` C and ``depth`` J of the text prompts, ``vision_width`` D, and the settings
    ``vision_context`` and ``vision_depth``. Its parameters stand in the learner under the name :attr:`place`.
    """
    place = 'vision'
    needs_context = False               # whether it is made of the text prompts

    def prompts(self, context: Tensor | None, deep: Sequence[Tensor]) -> tuple[Tensor | None, list[Tensor]]:
        """Prompts (n, D) of the first block, and of those after it, beside the text's (n, C)."""
        raise NotImplementedError


@VISION_PROMPTS.register_module('none')
class NoVisionPrompts(VisionPrompts, nn.Module):
    """Frames go without prompts."""

    def __init__(self, **sizes) -> None:
        super().__init__()

    def prompts(self, context: Tensor | None, deep: Sequence[Tensor]) -> tuple[None, list[Tensor]]:
        return None, []


@VISION_PROMPTS.register_module('coupled')
class CoupledVisionPrompts(VisionPrompts, nn.ModuleList):
    """MaPLe: linear maps F_i of the text prompts P_i of each block (CVPR 2023)."""
    place, needs_context = 'couplings', True

    def __init__(self, width: int, vision_width: int, depth: int, **sizes) -> None:
        super().__init__(nn.Linear(width, vision_width) for _ in range(depth))

    def prompts(self, context: Tensor, deep: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        first, *rest = [couple(prompt) for couple, prompt in zip(self, (context, *deep), strict=True)]
        return first, rest


@VISION_PROMPTS.register_module('own')
class OwnVisionPrompts(VisionPrompts, nn.ParameterList):
    """VPT: prompts of their own, N(0, 0.02), in the first blocks (ECCV 2022).

    Raises:
        ValueError: without a number of tokens.
    """
    place = 'vision_ctx'

    def __init__(self, vision_width: int, vision_context: int = 0, vision_depth: int = 1, **sizes) -> None:
        if vision_context < 1:
            raise ValueError('prompts: vision="own" needs vision_context, the number of tokens')
        super().__init__(0.02 * torch.randn(vision_context, vision_width) for _ in range(vision_depth))

    def prompts(self, context: Tensor | None, deep: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        first, *rest = self
        return first, rest
