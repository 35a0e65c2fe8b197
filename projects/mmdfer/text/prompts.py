"""Prompt learners: the class texts as they are, and one with settings for CoOp, CoCoOp, MaPLe and VPT."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..registry import CONTEXT_POSITIONS, CONTEXT_STARTS, PROMPT_LEARNERS, VISION_PROMPTS
from .clip_text import CLIPTextEncoder
from .tokenizer import end_positions, tokenize


@dataclass
class Prompts:
    """What a step's prompts are for both towers.

    ``embeddings`` (N, L, C) and ``ends`` (N,) are the N texts, or with conditioning (B·N, L, C) and (B·N,);
    ``deep`` the text prompts of blocks 2 to J; ``vision`` (n, D) and ``deep_vision`` those of the image tower.
    """
    embeddings: Tensor
    ends: Tensor
    deep: list[Tensor] = field(default_factory=list)
    vision: Tensor | None = None
    deep_vision: list[Tensor] = field(default_factory=list)


@PROMPT_LEARNERS.register_module()
class FixedPrompts(BaseModule):
    """The class texts as they are, nothing to train; and what a prompt learner is.

    A learner of one's own is a subclass, registered in ``PROMPT_LEARNERS``: it makes its parameters, gives
    :meth:`forward`, and says by :attr:`fixed_texts` that texts change as it learns. A head builds it with the
    arguments below but ``context`` and ``truncate``, and those that the config gives.

    Args:
        texts: for each class its texts, as :func:`mmdfer.text.class_texts` gives them.
        width: C, the text tower's.
        vision_width: D, the image tower's; needed with vision prompts.
        feature_width: of the features that condition the texts; needed with such a learner.
        context_length: the text tower's.
        truncate: cut texts that are too long, and log it.
        context: n, tokens that a subclass puts among those of the texts.

    Raises:
        ValueError: for a text that is too long with its context.
    """
    fixed_texts = True                  # features of the texts may be kept from step to step
    conditional = False                 # texts are others for each clip

    def __init__(self, texts: Sequence[Sequence[str]], width: int, vision_width: int | None = None,
                 feature_width: int | None = None, context_length: int = 77, truncate: bool = False,
                 context: int = 0) -> None:
        super().__init__()
        self.context = context
        self.register_buffer('owners', torch.tensor([k for k, of in enumerate(texts) for _ in of]), persistent=False)
        room = context_length - context
        if room < 3:
            raise ValueError(f'prompts: context={context} leaves no room for a text in {context_length} tokens')
        tokens = tokenize([text for of in texts for text in of], room, truncate)
        ends = end_positions(tokens)
        self.register_buffer('tokens', tokens[:, :int(ends.max()) + 1], persistent=False)
        self.register_buffer('ends', ends + context, persistent=False)
        self.register_buffer('kept', None, persistent=False)    # features of the texts, where they are kept for good

    def class_axes(self) -> dict[str, int]:
        """Parameters that differ from class to class, with the axis of the classes."""
        return {}

    def start_from_words(self, tower: CLIPTextEncoder) -> None:
        """Called once the tower has its weights, for what starts from them."""

    def vision_prompts(self) -> tuple[Tensor | None, list[Tensor]]:
        """Prompts (n, D) of the image tower's first block, and of those after it."""
        return None, []

    def forward(self, tower: CLIPTextEncoder, features: Tensor | None = None) -> Prompts:
        """Prompts for both towers.

        Args:
            tower: whose embeddings the texts get.
            features: clip features (B, F) that a conditional learner goes by.
        """
        return Prompts(tower.embed(self.tokens), self.ends, [], *self.vision_prompts())


@PROMPT_LEARNERS.register_module()
class PromptLearner(FixedPrompts):
    """Learned tokens among the tokens of the class texts, and in the image tower.

    ============================ ==========================================================================
    nothing                      ``context=0``: the texts alone, nothing to train
    CoOp (IJCV 2022)             ``context=16``; ``class_specific``; ``position``
    CoCoOp (CVPR 2022)           ``context=4, conditional=True``
    MaPLe (CVPR 2023)            ``context=2, depth=9, vision='coupled'``
    VPT (ECCV 2022)              ``vision='own', vision_context=8, vision_depth=12``
    ============================ ==========================================================================

    MaPLe: P_i = [p_1 .. p_n] of block i for the texts, F_i(P_i) for the frames, each F_i a linear map; blocks
    after J carry their prompts on. With n tokens, J blocks and widths C and D that is
    n·C + J·(C·D + D) + (J - 1)·n·C parameters.

    Args:
        texts, width, vision_width, feature_width, context_length, truncate: of :class:`FixedPrompts`.
        context: n, learned tokens in a text.
        class_specific: a context of its own for each class.
        position: where the class text stands, by a name in ``CONTEXT_POSITIONS``: at the ``'end'``, in the
            ``'middle'`` or at the ``'front'`` of the context.
        init: words whose embeddings start the context, such as ``'a photo of a'``; as many tokens as
            ``context``. ``dict(type=..., ...)`` for another start in ``CONTEXT_STARTS``. Normal with std 0.02
            otherwise.
        depth: J, text blocks with prompts of their own.
        conditional: add a function of each clip's features to the context. The text tower then runs over all
            classes once a clip, which is CoCoOp's price.
        vision: a kind in ``VISION_PROMPTS``: ``'none'``; ``'coupled'``, maps of the text prompts; ``'own'``,
            learned alone; ``dict(type=..., ...)`` for one with further settings.
        vision_context: number of own vision tokens.
        vision_depth: image blocks with own vision prompts.

    Raises:
        ValueError: for a setting that does not exist or fit, or a text that is too long with its context.
    """

    def __init__(self, texts: Sequence[Sequence[str]], width: int, vision_width: int | None = None,
                 feature_width: int | None = None, context: int = 0, class_specific: bool = False,
                 position: str = 'end', init: str | dict | None = None, depth: int = 1, conditional: bool = False,
                 vision: str | dict = 'none', vision_context: int = 0, vision_depth: int = 1, context_length: int = 77,
                 truncate: bool = False) -> None:
        behind = CONTEXT_POSITIONS.find(position, 'prompts: position')(context)
        own = dict(vision) if isinstance(vision, dict) else dict(type=vision)
        kind = VISION_PROMPTS.find(own.pop('type', None), 'prompts: vision')
        if context == 0 and (depth > 1 or conditional or class_specific or kind.needs_context or init):
            raise ValueError('prompts: depth, conditional, class_specific, init and coupled vision prompts are '
                             'settings of a learned context: set context, e.g. context=2')
        if (depth > 1 or kind.needs_context) and (position != 'end' or class_specific):
            raise ValueError("prompts: deep and coupled prompts stand behind the start token, the same for all "
                             "classes: leave position='end' and class_specific=False")
        if vision != 'none' and vision_width is None:
            raise ValueError('prompts: vision prompts need vision_width, the width of the image tower')
        super().__init__(texts, width, vision_width, feature_width, context_length, truncate, context)
        self.fixed_texts = context == 0
        self.register_buffer('order', _order(self.ends - context, context, behind), persistent=False)
        self._make_context(len(texts) if class_specific else 1, width, depth, init)
        self._vision_place = kind.place
        sizes = dict(width=width, vision_width=vision_width, depth=depth, vision_context=vision_context,
                     vision_depth=vision_depth)
        self.add_module(kind.place, kind(**dict(sizes, **own)))
        self.condition = self._make_condition(feature_width, width) if conditional else None

    def _make_context(self, sets: int, width: int, depth: int, init: str | dict | None) -> None:
        shape = (sets, self.context, width) if sets > 1 else (self.context, width)
        self.ctx = nn.Parameter(0.02 * torch.randn(shape)) if self.context else None
        self.deep = nn.ParameterList(0.02 * torch.randn(self.context, width) for _ in range(depth - 1))
        settings = dict(type='words', words=init) if isinstance(init, str) else init
        self._start = None if settings is None else CONTEXT_STARTS.build(settings)

    def _make_condition(self, features: int | None, width: int) -> nn.Module:
        if features is None:
            raise ValueError('prompts: conditional=True needs feature_width, the width of the clip features')
        hidden = max(1, features // 16)
        return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, width))

    def class_axes(self) -> dict[str, int]:
        return dict(ctx=0) if self.ctx is not None and self.ctx.ndim == 3 else {}

    def start_from_words(self, tower: CLIPTextEncoder) -> None:
        """Start the context from what ``init`` names, once the tower has its weights.

        Raises:
            ValueError: if ``init`` has another number of tokens than the context.
        """
        if self._start is not None:
            self._start(self.ctx.data, tower)
            self._start = None

    @property
    def conditional(self) -> bool:                      # type: ignore[override]
        """Whether the texts are others for each clip."""
        return self.condition is not None

    def vision_prompts(self) -> tuple[Tensor | None, list[Tensor]]:
        return getattr(self, self._vision_place).prompts(self.ctx, self.deep)

    def forward(self, tower: CLIPTextEncoder, features: Tensor | None = None) -> Prompts:
        """Prompts for both towers; ``features`` (B, F) condition the context."""
        if self.ctx is None:
            return super().forward(tower)
        words = tower.embed(self.tokens)                                           # (N, M, C)
        context = self.ctx[self.owners] if self.ctx.ndim == 3 else self.ctx.expand(words.shape[0], -1, -1)
        ends, order = self.ends, self.order
        if self.condition is not None:
            shift = self.condition(features)[:, None, None]                        # (B, 1, 1, C)
            context = (context + shift).flatten(0, 1)                              # (B, N, n, C) -> (B·N, n, C)
            clips = features.shape[0]
            words, ends, order = words.repeat(clips, 1, 1), ends.repeat(clips), order.repeat(clips, 1)
        joined = torch.cat([words, context.to(words.dtype)], dim=1)                # (N, M + n, C)
        embeddings = joined.gather(1, order[..., None].expand(-1, -1, joined.shape[2]))
        return Prompts(embeddings, ends, list(self.deep), *self.vision_prompts())


def _order(ends: Tensor, context: int, behind: int) -> Tensor:
    """Which of M tokens followed by n context tokens stands where, (N, M + n).

    ``behind`` of the context tokens stand before the text's end, behind its last word; the others behind its
    start token.
    """
    length, head = int(ends.max()) + 1, context - behind
    rows = []
    for end in ends.tolist():
        own, learned = list(range(length)), list(range(length, length + context))
        rows.append([own[0], *learned[:head], *own[1:end], *learned[head:], *own[end:]])
    return torch.tensor(rows)
