"""Classes as texts: cosine similarity of a clip's feature with the texts of each class."""
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmaction.models.heads import BaseHead
from torch import Tensor, nn
from torch.nn import functional as F

from ..registry import MODELS, PROMPT_LEARNERS, TEXT_REDUCTIONS
from ..text import CLIPTextEncoder, FixedPrompts, Prompts, class_texts
from .classes import required_classes


@MODELS.register_module()
class CLIPTextHead(BaseHead):
    """Logits cos(m, c_k) / τ of clip features m and class texts c_k (CLIP, Radford et al., ICML 2021).

    Works on any backbone that gives (B, T, D) or (B, D): frame features are averaged, or go through
    ``temporal``; ``projection`` brings another width to the texts'. The text tower runs once a step over all
    classes, and not at all while neither it nor the prompts train: its features are kept. Loss, label
    smoothing, mixed targets and the averaging of test views are ``BaseHead``'s.

    Args:
        num_classes: number of classes K; a run's config gets it from the data.
        text_encoder: config of a :class:`mmdfer.text.CLIPTextEncoder`.
        texts: arguments of :func:`mmdfer.text.class_texts`, such as ``dict(source='action_units')``; a run's config
            gets ``classes`` from the data.
        prompts: config of a prompt learner, by default a :class:`mmdfer.text.PromptLearner`; ``None`` for the texts
            as they are.
        in_channels: width D of the backbone's features. Defaults to the texts'.
        projection: train a linear map from D to the texts' width.
        temporal: config of a module (B, T, D) -> (B, D) in place of the mean over frames.
        temperature: τ.
        learn_temperature: train log(1 / τ), at most log ``max_scale``.
        max_scale: the greatest 1 / τ; 100 as in CLIP. Where it is reached, log(1 / τ) has no gradient any more, so
            that a temperature that starts there wants ``None``, for no bound.
        reduce: several texts of a class become one by the ``'mean'`` of their unit features, or count by the
            ``'max'`` of their similarities, or by what else is registered in ``TEXT_REDUCTIONS``.
        vision_width: token width of the image tower, for prompts that go there.
        kwargs: ``BaseHead``'s own arguments. Defaults differ in ``average_clips='prob'`` and ``topk=(1, )``.

    Raises:
        ValueError: without a number of classes, or another than there are texts; for features of another width, or a
            prompt setting that does not fit.
    """

    def __init__(self, num_classes: int | None = None, text_encoder: dict | None = None, texts: dict | None = None,
                 prompts: dict | None = None, in_channels: int | None = None, projection: bool = False,
                 temporal: dict | None = None, temperature: float = 0.01, learn_temperature: bool = False,
                 max_scale: float | None = 100., reduce: str = 'mean', vision_width: int | None = None,
                 average_clips: str | None = 'prob', topk: tuple[int, ...] = (1, ), **kwargs) -> None:
        num_classes = required_classes(num_classes, type(self).__name__)
        if text_encoder is None or texts is None:
            raise ValueError(f'{type(self).__name__}: needs text_encoder and texts, such as text_encoder=dict('
                             "type='CLIPTextEncoder') and texts=dict(source='noun')")
        encoder = MODELS.build(text_encoder)
        in_channels = encoder.proj_dim if in_channels is None else in_channels
        super().__init__(num_classes, in_channels, average_clips=average_clips, topk=topk, **kwargs)
        self.reduction = TEXT_REDUCTIONS.find(reduce, f'{type(self).__name__}: reduce')()
        if in_channels != encoder.proj_dim and not projection:
            raise ValueError(f'CLIPTextHead: features have in_channels={in_channels}, the texts {encoder.proj_dim}: '
                             'set projection=True to train a map between them')
        self.text_encoder, self.classes = encoder, texts.get('classes')
        self.prompt_learner = self._build_prompts(encoder, texts, prompts or {}, vision_width)
        self.temporal = MODELS.build(temporal) if temporal is not None else None
        self.projection = nn.Linear(in_channels, encoder.proj_dim) if projection else None
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)), requires_grad=learn_temperature)
        self.max_scale = max_scale

    def _build_prompts(self, encoder: CLIPTextEncoder, texts: dict, prompts: dict,
                       vision_width: int | None = None) -> FixedPrompts:
        spoken = class_texts(**texts)
        if len(spoken) != self.num_classes:
            raise ValueError(f'CLIPTextHead: texts are of {len(spoken)} classes, num_classes={self.num_classes}: make '
                             'them equal')
        learner = PROMPT_LEARNERS.find(prompts.get('type', 'PromptLearner'), 'prompts: type')
        return learner(spoken, encoder.embed_dims, vision_width=vision_width, feature_width=encoder.proj_dim,
                       context_length=encoder.context_length,
                       **{name: value for name, value in prompts.items() if name != 'type'})

    def class_axes(self) -> dict[str, int]:
        """No weight of the head itself goes by class; the prompt learner tells of its own."""
        return {}

    def init_weights(self) -> None:
        """As mmengine's; a context that starts from words does so once the text tower has its weights."""
        super().init_weights()
        self.prompt_learner.start_from_words(self.text_encoder)

    @property
    def scale(self) -> Tensor:
        """1 / τ."""
        return (self.log_scale if self.max_scale is None else self.log_scale.clamp(max=math.log(self.max_scale))).exp()

    def vision_prompts(self) -> tuple[Tensor | None, list[Tensor]]:
        """Prompts for the image tower, those of its first block and those of later ones."""
        return self.prompt_learner.vision_prompts()

    def forward(self, x: Tensor, **kwargs) -> Tensor:
        """Features (B, T, D) or (B, D) as logits (B, K)."""
        return self.similarity(self.pool(x)) * self.scale

    def pool(self, x: Tensor) -> Tensor:
        """Features (B, T, D) or (B, D) as unit clip features (B, C).

        Raises:
            ValueError: for features of another rank or width.
        """
        if x.ndim not in (2, 3) or x.shape[-1] != self.in_channels:
            raise ValueError(f'CLIPTextHead expects features (B, T, {self.in_channels}) or (B, {self.in_channels}), '
                             f'got {tuple(x.shape)}: set in_channels to the width of the backbone')
        if x.ndim == 3:
            x = x.mean(dim=1) if self.temporal is None else self.temporal(x)
        return unit(x if self.projection is None else self.projection(x))

    def similarity(self, clips: Tensor) -> Tensor:
        """Cosine of unit clip features (B, C) with every class, (B, K)."""
        texts = self.text_features(clips)
        with torch.autocast(clips.device.type, enabled=False):             # a cosine is multiplied by 100
            cosines = torch.einsum('bc,bnc->bn', clips, texts) if texts.ndim == 3 else clips @ texts.T
        return self.reduction.similarity(cosines, self.prompt_learner.owners, self.num_classes)

    def text_features(self, clips: Tensor | None = None) -> Tensor:
        """Unit features of the class texts, (K, C), or with a reduction such as ``'max'`` of every text, (N, C).

        With a conditional context there is one set a clip, (B, K, C) or (B, N, C).
        """
        return self.encode_texts(self.text_encoder, self.prompt_learner, clips)

    @torch.no_grad()
    def keep_texts(self) -> None:
        """Work the features of the texts out once and use them from now on, for a model that trains no more.

        Texts that are others for each clip are worked out as before.
        """
        for encoder, learner in self.towers():
            if not learner.conditional:
                learner.kept = self.encode_texts(encoder, learner).clone()

    def towers(self) -> list[tuple[CLIPTextEncoder, FixedPrompts]]:
        """Each text tower and the texts that it reads."""
        return [(self.text_encoder, self.prompt_learner)]

    def encode_texts(self, encoder: CLIPTextEncoder, learner: FixedPrompts, clips: Tensor | None = None) -> Tensor:
        """:meth:`text_features` of an encoder and its texts."""
        if learner.kept is not None:
            return learner.kept
        if learner.fixed_texts:
            features = unit(encoder.cached_text_features(learner.tokens))
        else:
            prompts: Prompts = learner(encoder, clips)
            features = unit(encoder(prompts.embeddings, prompts.ends, prompts.deep))
        owners = learner.owners
        if features.shape[0] != len(owners):
            features = features.unflatten(0, (-1, len(owners)))                # (B·N, C) -> (B, N, C)
        return self.reduction.features(features, owners, self.num_classes)


def unit(x: Tensor) -> Tensor:
    """Vectors of length 1 along the last axis, in float32 at least: half precision is too coarse for cosines."""
    return F.normalize(x.to(torch.promote_types(x.dtype, torch.float32)), dim=-1)


def texts_of(samples: Sequence, key: str = 'caption') -> list[str]:
    """A text of every sample of a batch.

    Raises:
        ValueError: for a sample without one.
    """
    missing = [sample.metainfo.get('video_id', '?') for sample in samples if not sample.metainfo.get(key)]
    if missing:
        raise ValueError(f'{len(missing)} of {len(samples)} clips have no {key} (such as {missing[:3]}): use a data '
                         f'set with captions and pack them by PackActionInputs(meta_keys=(..., "{key}"))')
    return [sample.metainfo[key] for sample in samples]
