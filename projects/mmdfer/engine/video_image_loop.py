"""Training on clips and images in turn, each step on one of them (S4D, TAFFC)."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import DataLoader

from ..datasets.sample_ids import innermost_datasets
from ..registry import LOOPS


@LOOPS.register_module()
class VideoImageTrainLoop(EpochBasedTrainLoop):
    """Epochs of all clips and a share of the images, whose batches come in random order.

    The model tells them apart by their shape, as :class:`mmdfer.recognizers.VideoImageRecognizer3D` does. To hooks,
    schedules and logs an epoch has the batches of both, and the data set is that of the clips.

    Args:
        runner, dataloader, args, kwargs: ``EpochBasedTrainLoop``'s; the loader is of clips.
        image_dataloader: loader of images, as clips of one frame. S4D's has batches twice as large as the clips'.
        image_share: the share of the images' batches that an epoch has, S4D's half.

    Raises:
        ValueError: for a share that is not positive, or leaves no batch.
    """

    def __init__(self, runner: Any, dataloader: DataLoader | dict, *args, image_dataloader: DataLoader | dict,
                 image_share: float = 0.5, **kwargs) -> None:
        clips, images = (runner.build_dataloader(one, seed=runner.seed) for one in (dataloader, image_dataloader))
        super().__init__(runner, TwoLoaders(clips, images, image_share, self, runner.seed), *args, **kwargs)


class TwoLoaders:
    """A loader of clips that gives batches of images between its own; all else is asked of the loader itself.

    Seed and epoch alone decide the order and the images of an epoch.
    """

    def __init__(self, clips: DataLoader, images: DataLoader, share: float, loop: EpochBasedTrainLoop,
                 seed: int) -> None:
        count = round(share * len(images))
        if share <= 0 or count < 1:
            raise ValueError(f'image_share={share} of {len(images)} batches of images leaves {count}: give a share of '
                             'at least one batch, or train on clips alone (EpochBasedTrainLoop)')
        self.clips, self.images, self.count, self.loop, self.seed = clips, images, count, loop, seed

    def __getattr__(self, name: str) -> Any:
        if name == 'clips':                                     # a copy has none before it is filled
            raise AttributeError(name)
        return getattr(self.clips, name)

    def __len__(self) -> int:
        return len(self.clips) + self.count

    def __iter__(self) -> Iterator[Any]:
        epoch = self.loop.epoch
        for dataset in innermost_datasets(self.images.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(self.seed, epoch)
        if hasattr(self.images.sampler, 'set_epoch'):
            self.images.sampler.set_epoch(epoch)
        batches = {False: iter(self.clips), True: islice(self._images(), self.count)}
        of_images = np.arange(len(self)) < self.count
        for turn in np.random.default_rng([self.seed, epoch]).permutation(of_images):
            yield next(batches[bool(turn)])

    def _images(self) -> Iterator[Any]:
        """Batches of images, from the beginning again where a share asks for more than there are."""
        while True:
            yield from self.images
