"""Epochs in which rare classes come as often as frequent ones."""
from __future__ import annotations

from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dataset import DefaultSampler

from ..registry import DATA_SAMPLERS
from .counting import labels_of


@DATA_SAMPLERS.register_module()
class BalancedSampler(DefaultSampler):
    """Epochs of the data set's length in which class c takes a share ∝ n_c^(1 - balance) of the n_c clips' own.

    Each class goes through its clips in random order, again and again until its share is full, so that no clip
    comes twice before all of its class came once; an epoch then mixes the classes. Seed and epoch alone decide
    the epoch, and processes divide it, so that one process and several see the same clips.

    With ``replacement`` every clip is drawn on its own, with a probability ∝ n_c^-balance, as PyTorch's
    ``WeightedRandomSampler`` does and S2D's "oversampling": shares are then those of chance, and clips may come twice.

    Args:
        dataset: a data set whose items carry ``label`` or ``gt_label``, or a wrapper of such.
        balance: 1 gives each class the same share, 0 its own; 0.5 is square-root sampling.
        replacement: draw each clip on its own.
        seed, round_up: of ``DefaultSampler``. A Runner gives the run's seed.

    Raises:
        ValueError: for items without a single label.
        ValueError: for a balance outside [0, 1].
    """

    def __init__(self, dataset: Sized, balance: float = 1., seed: int | None = None, round_up: bool = True,
                 shuffle: bool = True, replacement: bool = False) -> None:
        if not 0 <= balance <= 1:
            raise ValueError(f'BalancedSampler: balance={balance} is outside [0, 1]; 1 is equal shares, 0 none changed')
        if not shuffle:
            raise ValueError('BalancedSampler: shuffle=False makes no sense, since it draws; leave it out')
        super().__init__(dataset, shuffle=True, seed=seed, round_up=round_up)
        self.balance, self.replacement = balance, replacement
        labels = labels_of(dataset)
        self.members = [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self.seed, self.epoch])
        shares = np.array([len(members) for members in self.members])**(1 - self.balance)
        if self.replacement:
            chances = np.concatenate([np.full(len(members), share / len(members))
                                      for members, share in zip(self.members, shares)])
            order = generator.choice(np.concatenate(self.members), self.total_size, p=chances / chances.sum())
            return iter(order[self.rank::self.world_size].tolist())
        quotas = largest_remainders(shares / shares.sum(), self.total_size, generator)
        drawn = [np.concatenate([generator.permutation(members) for _ in range(-(-quota // len(members)))])[:quota]
                 for members, quota in zip(self.members, quotas) if quota]
        order = generator.permutation(np.concatenate(drawn))
        return iter(order[self.rank::self.world_size].tolist())


def largest_remainders(shares: np.ndarray, total: int, generator: np.random.Generator) -> np.ndarray:
    """Whole numbers that add up to ``total``, nearest to ``shares · total``; ties fall at random."""
    exact = shares * total
    numbers = np.floor(exact + 1e-9).astype(int)
    rest = exact - numbers + generator.uniform(0, 1e-6, len(exact))
    numbers[np.argsort(-rest)[:total - numbers.sum()]] += 1
    return numbers
