"""A runner over eight samples and a model of two layers, one of them frozen, for tests of hooks."""
from __future__ import annotations

from itertools import count

import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

_numbers = count()


class ToyData(Dataset):
    """Eight rows of three numbers, and what a fixed linear map makes of them."""
    metainfo = dict(classes=('a', 'b'))

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn(8, 3, generator=generator)
        self.y = self.x @ torch.tensor([[1.], [-2.], [.5]])

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> dict:
        return dict(x=self.x[index], y=self.y[index])


class ToyModel(BaseModel):
    """``seen`` keeps the head's weight as every validation saw it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(3, 4).requires_grad_(False)
        self.head = nn.Linear(4, 1)
        self.seen: list[torch.Tensor] = []

    def forward(self, x, y, mode):
        out = self.head(self.body(x))
        if mode == 'loss':
            return dict(loss=(out - y).square().mean())
        self.seen.append(self.head.weight.detach().clone())
        return list(out)


class ScriptedMetric(BaseMetric):
    """The UAR that each epoch is told to have."""

    def __init__(self, uars) -> None:
        super().__init__()
        self.uars = uars
        self.epoch = lambda: 0

    def process(self, data_batch, data_samples) -> None:
        self.results.append(0)

    def compute_metrics(self, results) -> dict:
        return dict(uar=self.uars[self.epoch() - 1])


class Killer(Hook):
    """Stop the run in the way a kill does, at an epoch's validation or in the midst of its training."""
    priority = 'VERY_HIGH'

    def __init__(self, epoch: int, at: str) -> None:
        self.epoch, self.at = epoch, at

    def before_val_epoch(self, runner) -> None:
        if self.at == 'validation' and runner.epoch == self.epoch:
            raise KeyboardInterrupt

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if self.at == 'training' and runner.epoch + 1 == self.epoch and batch_idx == 1:
            raise KeyboardInterrupt


def toy_runner(work_dir, *hooks, uars=(.5, .9, .1), resume=False, model=None, optim_wrapper=None) -> Runner:
    """Batches of two, four iterations an epoch, as many epochs as there are ``uars``."""
    loader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
                  collate_fn=dict(type='default_collate'))
    metric, evaluation = ScriptedMetric(uars), dict(loader, batch_size=8, dataset=ToyData())
    runner = Runner(
        model or ToyModel(), str(work_dir), train_dataloader=dict(loader, dataset=ToyData()),
        val_dataloader=evaluation, val_cfg=dict(), val_evaluator=[metric],
        test_dataloader=evaluation, test_cfg=dict(), test_evaluator=[metric],
        train_cfg=dict(by_epoch=True, max_epochs=len(uars)),
        optim_wrapper=optim_wrapper or dict(type='OptimWrapper', constructor='TunableOptimWrapperConstructor',
                                            optimizer=dict(type='SGD', lr=.05, momentum=.9)),
        default_hooks=dict(checkpoint=dict(type='AdapterCheckpointHook')), custom_hooks=list(hooks),
        resume=resume, experiment_name=f'toy{next(_numbers)}', log_level='WARNING')
    metric.epoch = lambda: runner.epoch
    return runner
