"""Clips of a set with what files of captions say of them."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..captions.caption_file import RAW_NAME, REFINED_NAME, Caption, CaptionFileError, read_captions
from ..clip_names import clip_path_key
from ..run_config import dataset_configs
from ..runs.mistakes import PACKING
from ..runs.samples import build_datasets
from ..visualization.caption_pairs import CaptionedClip

if TYPE_CHECKING:
    from mmengine.config import Config


@dataclass(frozen=True)
class CaptionedSet:
    """A config's test set, and captions by the name of their file."""
    cfg: Config
    sources: Mapping[str, Mapping[str, Caption]]

    @classmethod
    def of(cls, cfg: Config, files: Sequence[str | os.PathLike] = (), lenient: bool = False) -> CaptionedSet | None:
        """Captions of files, by default of the set's own.

        Args:
            cfg: a run's config.
            files: of captions; the set's raw and refined ones by default.
            lenient: ``None`` for a set without captions instead of an error.

        Raises:
            CaptionFileError: for a set without captions, or a file that cannot be read.
        """
        found = [Path(one) for one in files] or _own_files(cfg)
        if not found:
            if lenient:
                return None
            raise CaptionFileError(f'the set has no {RAW_NAME}: make it by mmdfer captions, or give files of captions '
                                   '(--captions)')
        twice = [path for path in found if found.count(path) > 1]
        if twice:
            raise CaptionFileError(f'--captions {twice[0]}: is given twice; give files of several captions of a clip')
        stems = [path.name.removesuffix('.jsonl') for path in found]
        names = stems if len(set(stems)) == len(stems) else [str(path) for path in found]
        return cls(cfg, {name: read_captions(path, empty_ok=True) for name, path in zip(names, found)})

    def clips(self, chosen: int | Sequence[str]) -> list[CaptionedClip]:
        """Chosen clips; by number those that every file has a caption of first, of each class in turn.

        Raises:
            ValueError: for names that the test set does not have.
        """
        from .explain_measures import choose_clips
        steps = list(takewhile(lambda step: step['type'].split('.')[-1] not in PACKING, self.cfg.test_pipeline))
        places = [(dataset, index) for dataset in build_datasets(self.cfg, 'test_dataloader', pipeline=steps)
                  for index in range(len(dataset))]
        if isinstance(chosen, int):
            told = [place for place in places if all(_key(place) in texts for texts in self.sources.values())]
            if not told:
                raise CaptionFileError(f'none of the {len(places)} test clips has a caption in each of '
                                       f'{", ".join(self.sources)}: give the captions of this set')
            places = told
        return [self._drawn(*places[place]) for place in choose_clips(places, chosen)]

    def _drawn(self, dataset, index: int) -> CaptionedClip:
        seen, info = dataset[index], dataset.get_data_info(index)
        name, label = str(info.get('video_id', '')), dataset.metainfo['classes'][int(info['label'])]
        key = clip_path_key(name)
        texts = {source: texts[key].caption if key in texts else None for source, texts in self.sources.items()}
        frames = np.stack([np.ascontiguousarray(image) for image in seen['imgs']])
        return CaptionedClip(f'{name}: {label}', frames, texts)


def _key(place: tuple) -> str:
    dataset, index = place
    return clip_path_key(str(dataset.get_data_info(index).get('video_id', '')))


def _own_files(cfg: Config) -> list[Path]:
    for dataset in dataset_configs(cfg, ('test_dataloader',)):
        root = Path(dataset.get('data_root') or '.')
        found = [root / name for name in (RAW_NAME, REFINED_NAME) if (root / name).is_file()]
        if found:
            return found
    return []
