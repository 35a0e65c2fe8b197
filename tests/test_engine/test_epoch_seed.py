"""A resumed epoch draws what the same epoch of a run draws whose workers are up already."""
from types import SimpleNamespace

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from mmdfer.engine import EpochSeedHook


def draws(epochs):
    """What a model draws at the first iteration of each epoch, over one loader with persistent workers."""
    hook, found = EpochSeedHook(), {}
    loader = DataLoader(TensorDataset(torch.arange(4.)), batch_size=2, num_workers=1, persistent_workers=True)
    for epoch in epochs:
        runner = SimpleNamespace(seed=7, epoch=epoch, train_dataloader=loader)
        hook.before_train_epoch(runner)
        for index, _ in enumerate(loader):
            hook.before_train_iter(runner, index)
            found[epoch, index] = (torch.rand(2).tolist(), np.random.rand(2).tolist())
    return found


def test_resumed_epochs_draw_the_same():
    whole, resumed = draws([0, 1]), draws([1])
    assert {key: whole[key] for key in resumed} == resumed
    assert len({str(value) for value in whole.values()}) == 4, 'epochs and iterations draw anew'
