"""Prompt learners: one class, of which CoOp, CoCoOp, MaPLe and VPT are settings."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..registry import MODELS
from .clip_text import CLIPTextEncoder
from .tokenizer import end_positions, tokenize

POSITIONS = ('end', 'middle', 'front')
VISION = ('none', 'coupled', 'own')


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


@MODELS.register_module()
class PromptLearner(BaseModule):
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
        texts: for each class its texts, as :func:`mmdfer.text.class_texts` gives them.
        width: C, the text tower's.
        vision_width: D, the image tower's; needed with vision prompts.
        feature_width: of the features that condition the context; needed with ``conditional``.
        context: n, learned tokens in a text.
        class_specific: a context of its own for each class.
        position: where the class text stands: at the ``'end'``, in the ``'middle'`` or at the ``'front'`` of
            the context.
        init: words whose embeddings start the context, such as ``'a photo of a'``; as many tokens as
            ``context``. Normal with std 0.02 otherwise.
        depth: J, text blocks with prompts of their own.
        conditional: add a function of each clip's features to the context. The text tower then runs over all
            classes once a clip, which is CoCoOp's price.
        vision: ``'none'``; ``'coupled'``, maps of the text prompts; ``'own'``, learned alone.
        vision_context: number of own vision tokens.
        vision_depth: image blocks with own vision prompts.
        context_length: the text tower's.
        truncate: cut texts that are too long, and log it.

    Raises:
        ValueError: for a setting that does not exist or fit, or a text that is too long with its context.
    """

    def __init__(self, texts: Sequence[Sequence[str]], width: int, vision_width: int | None = None,
                 feature_width: int | None = None, context: int = 0, class_specific: bool = False,
                 position: str = 'end', init: str | None = None, depth: int = 1, conditional: bool = False,
                 vision: str = 'none', vision_context: int = 0, vision_depth: int = 1, context_length: int = 77,
                 truncate: bool = False) -> None:
        super().__init__()
        for name, value, known in (('position', position, POSITIONS), ('vision', vision, VISION)):
            if value not in known:
                raise ValueError(f'prompts: {name}={value!r} is not known: choose one of {", ".join(known)}')
        if context == 0 and (depth > 1 or conditional or class_specific or vision == 'coupled' or init):
            raise ValueError('prompts: depth, conditional, class_specific, init and coupled vision prompts are settings of '
                             'a learned context: set context, e.g. context=2')
        if (depth > 1 or vision == 'coupled') and (position != 'end' or class_specific):
            raise ValueError("prompts: deep and coupled prompts stand behind the start token, the same for all classes: "
                             "leave position='end' and class_specific=False")
        if vision != 'none' and vision_width is None:
            raise ValueError('prompts: vision prompts need vision_width, the width of the image tower')
        if vision == 'own' and vision_context < 1:
            raise ValueError('prompts: vision="own" needs vision_context, the number of tokens')
        self.position, self.context, self.init, self.depth, self.vision = position, context, init, depth, vision
        self.register_buffer('owners', torch.tensor([k for k, of in enumerate(texts) for _ in of]), persistent=False)
        self._place_texts([text for of in texts for text in of], context_length, truncate)
        self._make_text_prompts(len(texts) if class_specific else 1, width)
        self._make_vision_prompts(width, vision_width, vision_context, vision_depth)
        self.condition = self._make_condition(feature_width, width) if conditional else None

    def _place_texts(self, texts: Sequence[str], context_length: int, truncate: bool) -> None:
        """Tokens with room for the context, as an index: where each token of the prompt is taken from."""
        room = context_length - self.context
        if room < 3:
            raise ValueError(f'prompts: context={self.context} leaves no room for a text in {context_length} tokens')
        tokens = tokenize(texts, room, truncate)
        ends = end_positions(tokens)
        before = dict(end=torch.zeros_like(ends), middle=torch.full_like(ends, self.context // 2),
                      front=torch.full_like(ends, self.context))[self.position]
        self.register_buffer('tokens', tokens[:, :int(ends.max()) + 1], persistent=False)
        self.register_buffer('ends', ends + self.context, persistent=False)
        self.register_buffer('order', _order(ends, self.context, before), persistent=False)

    def _make_text_prompts(self, sets: int, width: int) -> None:
        shape = (sets, self.context, width) if sets > 1 else (self.context, width)
        self.ctx = nn.Parameter(0.02 * torch.randn(shape)) if self.context else None
        self.deep = nn.ParameterList(0.02 * torch.randn(self.context, width) for _ in range(self.depth - 1))
        self._started = self.init is None

    def _make_vision_prompts(self, width: int, vision_width: int | None, number: int, depth: int) -> None:
        maps = self.depth if self.vision == 'coupled' else 0
        self.couplings = nn.ModuleList(nn.Linear(width, vision_width) for _ in range(maps))
        own = depth if self.vision == 'own' else 0
        self.vision_ctx = nn.ParameterList(0.02 * torch.randn(number, vision_width) for _ in range(own))

    def _make_condition(self, features: int | None, width: int) -> nn.Module:
        if features is None:
            raise ValueError('prompts: conditional=True needs feature_width, the width of the clip features')
        hidden = max(1, features // 16)
        return nn.Sequential(nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, width))

    def start_from_words(self, tower: CLIPTextEncoder) -> None:
        """Start the context from the embeddings of ``init``'s words, once the tower has its weights.

        Raises:
            ValueError: if ``init`` has another number of tokens than the context.
        """
        if self._started:
            return
        tokens = tokenize(self.init, tower.context_length)
        number = int(end_positions(tokens)) - 1
        if number != self.context:
            raise ValueError(f'prompts: init={self.init!r} has {number} tokens, context={self.context}: make them equal')
        with torch.no_grad():
            self.ctx.copy_(tower.embed(tokens.to(self.ctx.device))[0, 1:number + 1].expand_as(self.ctx))
        self._started = True

    @property
    def conditional(self) -> bool:
        """Whether the texts are others for each clip."""
        return self.condition is not None

    def vision_prompts(self) -> tuple[Tensor | None, list[Tensor]]:
        """Prompts (n, D) of the image tower's first block, and of those after it."""
        if self.vision == 'coupled':
            first, *rest = [couple(prompt) for couple, prompt in zip(self.couplings, (self.ctx, *self.deep))]
            return first, rest
        return (self.vision_ctx[0], list(self.vision_ctx[1:])) if self.vision == 'own' else (None, [])

    def forward(self, tower: CLIPTextEncoder, features: Tensor | None = None) -> Prompts:
        """Prompts for both towers.

        Args:
            tower: whose embeddings the texts get.
            features: clip features (B, F) that condition the context.
        """
        words = tower.embed(self.tokens)                                           # (N, M, C)
        if self.ctx is None:
            return Prompts(words, self.ends, [], *self.vision_prompts())
        context = self.ctx[self.owners] if self.ctx.ndim == 3 else self.ctx.expand(len(words), -1, -1)
        ends, order = self.ends, self.order
        if self.condition is not None:
            shift = self.condition(features)[:, None, None]                        # (B, 1, 1, C)
            context = (context + shift).flatten(0, 1)                              # (B, N, n, C) -> (B·N, n, C)
            clips = len(features)
            words, ends, order = words.repeat(clips, 1, 1), ends.repeat(clips), order.repeat(clips, 1)
        joined = torch.cat([words, context.to(words.dtype)], dim=1)                # (N, M + n, C)
        embeddings = joined.gather(1, order[..., None].expand(-1, -1, joined.shape[2]))
        return Prompts(embeddings, ends, list(self.deep), *self.vision_prompts())


def _order(ends: Tensor, context: int, before: Tensor) -> Tensor:
    """Which of M tokens followed by n context tokens stands where, (N, M + n).

    ``before`` of the context tokens stand before the text's end, behind its last word; the others behind its
    start token.
    """
    length = int(ends.max()) + 1
    rows = []
    for end, tail in zip(ends.tolist(), before.tolist()):
        head = context - tail
        own, learned = list(range(length)), list(range(length, length + context))
        rows.append([own[0], *learned[:head], *own[1:end], *learned[head:], *own[end:]])
    return torch.tensor(rows)
