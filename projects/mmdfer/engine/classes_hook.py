"""The classes of checkpoints and class texts, held against those of the data."""
from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from ..class_order import difference, listed
from ..registry import HOOKS
from ..weights import CheckpointError, classes_of_file, fit_classes


@HOOKS.register_module()
class ClassesHook(Hook):
    """Bring what ``load_from`` loads into the order of the data's classes, and refuse what is of others.

    Classes of the run are the config's ``run_classes`` (:func:`mmdfer.run_config.flow_classes`). A checkpoint of the
    same classes in another order is permuted; resuming one is refused, since the optimizer's state would stay behind.
    One of other classes is refused where weights go by class, unless the config says ``fresh_classes=True``: these then
    keep their own start, as they do of a file that does not know its classes. Before a loop runs, class texts are
    compared with the classes of its data set.
    """

    priority = 'VERY_HIGH'              # before hooks that read the checkpoint's weights

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        ours, theirs = runner.cfg.get('run_classes'), classes_of_file(checkpoint.get('meta') or {})
        state = checkpoint.get('state_dict')
        fresh = bool(runner.cfg.get('fresh_classes')) and not runner._resume
        if ours is None or state is None or (theirs is None and not fresh):
            return
        file = runner._load_from or 'the checkpoint'
        bare = {name.removeprefix('module.'): tensor for name, tensor in state.items()}
        fitted = fit_classes(bare, theirs, ours, _bare(runner.model), file, fresh)
        moved = any(fitted.get(name) is not tensor for name, tensor in bare.items())
        if moved and runner._resume:
            raise CheckpointError(f'{file}: has the classes in the order {listed(theirs)}, the data have '
                                  f'{listed(ours)}: a run is resumed with the data that it began with; to begin a new '
                                  'one from its weights, use load_from without resume')
        if moved:
            checkpoint['state_dict'] = fitted

    def before_train(self, runner) -> None:
        self._check_texts(runner, runner.train_dataloader.dataset, training=True)

    def before_val(self, runner) -> None:
        self._check_texts(runner, runner.val_dataloader.dataset)

    def before_test(self, runner) -> None:
        self._check_texts(runner, runner.test_dataloader.dataset)

    @staticmethod
    def _check_texts(runner, dataset, training: bool = False) -> None:
        data = (getattr(dataset, 'metainfo', None) or {}).get('classes')
        for name, head in _bare(runner.model).named_modules():
            texts = getattr(head, 'classes', None) if hasattr(head, 'class_axes') else None
            if data is None or texts is None or (training and not getattr(head, 'trains_on_labels', True)):
                continue
            if list(texts) != list(data):
                raise ValueError(f'{name or type(head).__name__}: its texts are of the classes {listed(texts)}, the '
                                 f'data have {listed(data)} ({difference(texts, data)}): leave the texts\' classes out '
                                 'of the config, they come from the data')


def _bare(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model
