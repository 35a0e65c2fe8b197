"""The training set's class counts, for the losses that go by them."""
from __future__ import annotations

import logging

from mmengine.hooks import Hook
from mmengine.logging import print_log

from ..datasets.counting import class_counts
from ..registry import HOOKS


@HOOKS.register_module()
class ClassCountsHook(Hook):
    """Before training, give every module that has ``set_class_counts`` the number of training clips of each class.

    A loss whose config gives the counts keeps those. Items of wrappers such as ``RepeatDataset`` count as often
    as an epoch holds them; what a sampler draws does not count, so use a balanced sampler or a weighted loss,
    not both. Without such a module nothing is read.
    """

    def before_train(self, runner) -> None:
        takers = [module for module in runner.model.modules()
                  if hasattr(module, 'set_class_counts') and not getattr(module, 'counts_are_given', False)]
        if not takers:
            return
        dataset = runner.train_dataloader.dataset
        counts, classes = class_counts(dataset), dataset.metainfo['classes']
        for module in takers:
            module.set_class_counts(counts)
        print_log('training clips of each class: '
                  + ', '.join(f'{name} {count}' for name, count in zip(classes, counts)), logger='current')
        absent = [name for name, count in zip(classes, counts) if count == 0]
        if absent:
            print_log(f'no training clip of {", ".join(absent)}: losses that go by the counts take it as having one',
                      logger='current', level=logging.WARNING)
