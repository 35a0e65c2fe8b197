"""Ways to see a clip: what a sample has of each, and its features."""
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..registry import MODALITIES, nearest
from ..text import tokenize

if TYPE_CHECKING:
    from .finecliper import FineCLIPER

BACKBONE = 'backbone'
OWN_COLOURS = dict(video='#4169b0', parsing='#5a8f3c', landmarks='#e07b28', caption='#7d4fa3')


class Modality:
    """One way to see a clip. A new one is a subclass that is registered in ``MODALITIES`` and gives :meth:`of`.

    Args:
        name: its name in the config, in the log (``loss_<name>``, ``weight_<name>``) and in plots.
        encoder: config of the module that makes its features, (B, D) or (B, T, D), of what :meth:`collate` gives; the
            name of one that it shares with others (``encoders`` of the recognizer), with which it then runs as one
            batch; ``'backbone'`` for the frames' own.
        drop: leave it out in testing, to see what it is worth.
        colour: in plots.
    """
    default_encoder: str | None = None
    per_view = False                    # whether features are of each view of a clip, or of the clip
    shares_frozen = False               # whether its encoder is of the backbone's make, with the same frozen weights
    has_picture = False                 # whether :meth:`picture` gives any

    def __init__(self, name: str, encoder: str | dict | None = None, drop: bool = False,
                 colour: str | None = None) -> None:
        self.name, self.drop, self.colour = name, drop, colour or OWN_COLOURS.get(name)
        self.encoder = encoder if encoder is not None else self.default_encoder

    def of(self, sample) -> Any | None:
        """What a sample has of it, such as a tensor without the axis of the batch; ``None`` if it has nothing."""
        raise NotImplementedError

    def blank(self, inputs: Tensor) -> Any:
        """What takes the place of nothing, for samples of clips (B, views, 3, T, H, W); its feature counts nowhere."""
        raise NotImplementedError

    def read(self, inputs: Tensor, samples: list, model: FineCLIPER) -> tuple[Tensor, Tensor]:
        """What the encoder gets of all B clips, and which of them have it, (B,) of bool."""
        values = [None if sample is None else self.of(sample) for sample in samples]
        present = torch.tensor([value is not None for value in values], device=inputs.device)
        filled = [self.blank(inputs) if value is None else value for value in values]
        return self.collate(filled, inputs, model), present

    def collate(self, values: list, inputs: Tensor, model: FineCLIPER) -> Tensor:
        """Values of B clips as one batch on the clips' device."""
        return torch.stack([value.to(inputs.device) for value in values])

    def encode(self, encoder: nn.Module, batch: Tensor) -> Tensor:
        """Features (N, D) or (N, T, D)."""
        return encoder(batch)

    def picture(self, results: Mapping[str, Any]) -> Tensor | None:
        """What can be drawn of it below a clip's frames, (3, T, H, W) of uint8, in what the pipeline made."""
        return None


@MODALITIES.register_module()
class VideoModality(Modality):
    """The frames, which every clip has."""
    default_encoder, per_view = BACKBONE, True

    def read(self, inputs: Tensor, samples: list, model: FineCLIPER) -> tuple[Tensor, Tensor]:
        clips = inputs.flatten(0, 1)                                            # (B, views, ...) -> (B·views, ...)
        return clips, inputs.new_ones(len(clips), dtype=torch.bool)


@MODALITIES.register_module()
class MapModality(Modality):
    """Pictures beside the frames, one a frame, such as face parsing or landmarks; normalised as frames are.

    A sample whose ``has_face_maps`` is False has blank ones, and goes without.

    Args:
        key: field of the sample that holds them, uint8 (3, T, H, W).
        kwargs: of :class:`Modality`.
    """
    shares_frozen, has_picture = True, True

    def __init__(self, name: str, key: str, **kwargs) -> None:
        super().__init__(name, **kwargs)
        self.key = key

    def of(self, sample) -> Tensor | None:
        return getattr(sample, self.key, None) if bool(getattr(sample, 'has_face_maps', True)) else None

    def blank(self, inputs: Tensor) -> Tensor:
        return inputs.new_zeros(inputs.shape[2:], dtype=torch.uint8)

    def collate(self, values: list, inputs: Tensor, model: FineCLIPER) -> Tensor:
        mean, std = (getattr(model.data_preprocessor, name).reshape(1, 3, 1, 1, 1) for name in ('mean', 'std'))
        return (super().collate(values, inputs, model) - mean) / std            # (B, 3, T, H, W)

    def picture(self, results: Mapping[str, Any]) -> Tensor | None:
        return results.get(self.key)


@MODALITIES.register_module()
class CaptionModality(Modality):
    """A text of the clip, through a text tower.

    Args:
        key: where the sample's metainfo holds it.
        truncate: cut texts over the tower's context and log it; otherwise they are an error.
        kwargs: of :class:`Modality`.
    """

    def __init__(self, name: str, key: str = 'caption', truncate: bool = False, **kwargs) -> None:
        super().__init__(name, **kwargs)
        self.key, self.truncate = key, truncate

    def of(self, sample) -> str | None:
        return sample.metainfo.get(self.key) or None

    def blank(self, inputs: Tensor) -> str:
        return ''

    def collate(self, values: list, inputs: Tensor, model: FineCLIPER) -> Tensor:
        return tokenize(values, model.encoder_of(self).context_length, self.truncate).to(inputs.device)

    def encode(self, encoder: nn.Module, batch: Tensor) -> Tensor:
        return encoder.encode_text(batch)


def build_modalities(modalities: Mapping[str, dict | None], encoders: Mapping[str, dict] | None = None,
                     dropped: tuple[str, ...] = ()) -> tuple[dict[str, Modality], dict[str, dict]]:
    """Modalities by name, and configs of their encoders by the attribute of the recognizer that they become.

    An encoder of several, ``encoders[name]``, becomes ``<name>_encoder``, one of a single modality
    ``<modality>_encoder``; one that no modality names is left out. A modality that is ``None`` is left out.

    Raises:
        ValueError: for a type, an encoder or a dropped modality that does not exist, and if none goes through the
            backbone.
    """
    built: dict[str, Modality] = {}
    configs: dict[str, Any] = {}
    encoders = encoders or {}
    for name, settings in modalities.items():
        if settings is None:
            continue
        own = dict(settings)
        modality = MODALITIES.find(own.pop('type', None), f'FineCLIPER: modalities.{name}.type')(name=name, **own)
        if isinstance(modality.encoder, Mapping):
            configs[f'{name}_encoder'], modality.encoder = modality.encoder, f'{name}_encoder'
        elif modality.encoder != BACKBONE:
            if modality.encoder not in encoders:
                raise ValueError(f'FineCLIPER: modalities.{name}.encoder={modality.encoder!r}: give its config, or a '
                                 f'name: {nearest(modality.encoder, (BACKBONE, *encoders))}')
            configs[f'{modality.encoder}_encoder'] = encoders[modality.encoder]
            modality.encoder = f'{modality.encoder}_encoder'
        built[name] = modality
    for name in dropped:
        if name not in built:
            raise ValueError(f'FineCLIPER: drop_modalities={list(dropped)}: {name!r} is no modality of this model: '
                             f'{nearest(name, built)}')
        built[name].drop = True
    if not any(modality.encoder == BACKBONE for modality in built.values()):
        raise ValueError("FineCLIPER: no modality goes through the backbone: add video=dict(type='VideoModality')")
    return built, configs
