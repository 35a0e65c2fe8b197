"""Random draws of a data set that depend on seed, epoch and item alone."""
from __future__ import annotations

import random
from collections import Counter
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(*entropy: int):
    """Draw Python's, NumPy's and torch's CPU random numbers from these integers, then go on as before."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


class EpochSeeded:
    """A data set whose training draws are a function of seed, epoch and index, whatever the number of workers.

    A run can then be resumed exactly. An item that a wrapper repeats within an epoch draws anew each time its
    worker meets it.
    """

    def __init__(self, *args, **kwargs) -> None:
        # Shared with the workers: their copies of the data set outlive an epoch.
        self._seed_and_epoch = torch.tensor([0, -1]).share_memory_()
        self._counted: tuple[int, int] | None = None
        self._draws: Counter[int] = Counter()
        super().__init__(*args, **kwargs)

    def set_epoch(self, seed: int, epoch: int) -> None:
        """Draw for this seed and epoch from now on; it reaches running workers.

        Before the first call, or with ``epoch=-1``, draws come from the global generators.
        """
        self._seed_and_epoch[0], self._seed_and_epoch[1] = seed, epoch

    def prepare_data(self, idx: int) -> dict | None:
        seed, epoch = self._seed_and_epoch.tolist()
        if self.test_mode or epoch < 0:
            return super().prepare_data(idx)
        if self._counted != (seed, epoch):
            self._counted, self._draws = (seed, epoch), Counter()
        turn = self._draws[idx]
        self._draws[idx] += 1
        with seeded(seed, epoch, idx, turn):
            return super().prepare_data(idx)
