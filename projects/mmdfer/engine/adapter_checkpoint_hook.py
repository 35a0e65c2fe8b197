"""Checkpoints that are whole, can be resumed exactly, and carry the tunable part alone beside them."""
from __future__ import annotations

import os
import time
from pathlib import Path

from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, find_latest_checkpoint

from ..files import write_link, write_text
from ..registry import HOOKS
from ..trained_on import FIELD
from ..version import __version__
from ..weights import adapter_places, check_resumable, frozen_digest, save_tunable
from .seen_clips_hook import seen_clips_of
from .sharding import is_sharded
from .tunable_ema import evaluated_weights


@HOOKS.register_module()
class AdapterCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, and beside its files the tunable part as safetensors.

    Each full checkpoint ``epoch_N.pth`` keeps what a resumed run needs. ``last.safetensors`` and, with
    ``save_best``, ``best.safetensors`` hold the tunable parameters with the config and provenance, and
    ``best.pth`` is a link to the best full checkpoint. A model without frozen parts has no such second file. A run that
    is resumed validates first when it was stopped between the checkpoint of an epoch and that epoch's validation, so
    that no result is missing.

    Args:
        save_best: metric to keep the best checkpoint of, higher being better. Defaults to ``'uar'``.
        max_keep_ckpts: full checkpoints to keep, at least 2, since the one before is removed before the
            next is written.
        kwargs: of ``CheckpointHook``.
    """

    def __init__(self, interval: int = 1, save_best: str | None = 'uar', rule: str | None = 'greater',
                 max_keep_ckpts: int = 2, **kwargs) -> None:
        if 0 < max_keep_ckpts < 2:
            raise ValueError(f'AdapterCheckpointHook: max_keep_ckpts={max_keep_ckpts} would leave no whole checkpoint '
                             'while one is written; set 2 or more')
        super().__init__(interval=interval, save_best=save_best, rule=rule if save_best else None,
                         max_keep_ckpts=max_keep_ckpts, **kwargs)
        self._digest: str | None = None
        self._has_frozen = False
        self._position: dict = {}

    def before_run(self, runner) -> None:
        if is_main_process():
            _complete_pointer(Path(runner.work_dir))            # before the runner looks into it
        barrier()

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if getattr(runner, '_resume', False):
            check_resumable(checkpoint, runner._load_from or find_latest_checkpoint(runner.work_dir),
                            bool(runner.param_schedulers))

    def before_train(self, runner) -> None:
        super().before_train(runner)
        model = _bare(runner.model)
        self._has_frozen = any(not parameter.requires_grad for parameter in model.parameters())
        if self._has_frozen:
            state = _gathered(runner)
            if is_main_process():
                self._digest = frozen_digest(model, state)
        if self._stopped_before_validation(runner):
            runner.logger.info(f'validating epoch {runner.epoch} again before the run goes on')
            runner.val_loop.run()

    def _stopped_before_validation(self, runner) -> bool:
        loop = runner.train_loop
        if runner.epoch == 0 or runner.val_loop is None or not isinstance(loop, EpochBasedTrainLoop):
            return False
        if runner.message_hub.runtime_info.get('last_validated_epoch') == runner.epoch:
            return False
        return runner.epoch >= loop.val_begin and (runner.epoch % loop.val_interval == 0
                                                   or runner.epoch == loop.max_epochs)

    def after_val_epoch(self, runner, metrics) -> None:
        runner.message_hub.update_info('last_validated_epoch', runner.epoch)
        super().after_val_epoch(runner, metrics)

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        self._position = dict(epoch=step, iter=runner.iter) if self.by_epoch else dict(epoch=runner.epoch, iter=step)
        super()._save_checkpoint_with_step(runner, step, meta)
        self._position = {}

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        # The hook saves an epoch's checkpoint once more after a better validation; FlexibleRunner then counts it as one
        # epoch and iteration later, which a resumed run would leave out.
        checkpoint['meta'].update(self._position, adapter_places=adapter_places(_bare(runner.model)))

    def _save_checkpoint(self, runner) -> None:
        super()._save_checkpoint(runner)
        self._save_tunable(runner, 'last', runner.epoch + 1 if self.by_epoch else runner.iter + 1, {})

    def _save_best_checkpoint(self, runner, metrics) -> None:
        before = getattr(self, 'best_ckpt_path', None)
        super()._save_best_checkpoint(runner, metrics)
        best = getattr(self, 'best_ckpt_path', None)
        if best is not None and best != before:
            self._save_tunable(runner, 'best', runner.epoch if self.by_epoch else runner.iter, metrics)
            if is_main_process():
                write_link(Path(self.out_dir) / 'best.pth', Path(best).name)

    def _save_tunable(self, runner, name: str, step: int, metrics: dict) -> None:
        state = _gathered(runner) if self._has_frozen else None
        if is_main_process() and self._has_frozen:
            backbone = runner.cfg.get('model', {}).get('backbone', {})
            with evaluated_weights(runner):
                save_tunable(_bare(runner.model), os.path.join(self.out_dir, f'{name}.safetensors'), dict(
                    classes=trained_classes(runner), cfg=runner.cfg.pretty_text,
                    mmdfer_version=__version__, seed=runner.seed,
                    step=step, unit='epoch' if self.by_epoch else 'iter',
                    metrics={key: float(value) for key, value in metrics.items() if isinstance(value, (int, float))},
                    image_checkpoint=(backbone.get('init_cfg') or {}).get('checkpoint'),
                    frozen_digest=self._digest, **_seen_clips(runner),
                    time=time.strftime('%Y-%m-%dT%H:%M:%S')), state)
        barrier()


def trained_classes(runner) -> list[str] | None:
    """Classes of the training set in their order, as mmengine's checkpoints have them in ``dataset_meta``."""
    classes = (getattr(runner.train_dataloader.dataset, 'metainfo', None) or {}).get('classes')
    return None if classes is None else [str(name) for name in classes]


def _seen_clips(runner) -> dict:
    """Which clips the model was trained on, as a file's meta has it."""
    hook = seen_clips_of(runner)
    return {} if hook is None or hook.trained_on is None else {FIELD: hook.trained_on.to_meta()}


def _gathered(runner) -> dict | None:
    """The whole state dict of a sharded model, for which every process has to ask; it comes to the first."""
    return runner.model.state_dict() if is_sharded(runner.model) else None


def _bare(model):
    return model.module if is_model_wrapper(model) else model


def _complete_pointer(work_dir: Path) -> None:
    """Name the newest checkpoint in a ``last_checkpoint`` that a run left empty, killed while mmengine wrote it."""
    pointer = work_dir / 'last_checkpoint'
    if not pointer.is_file() or pointer.read_text().strip():
        return
    saved = [path for path in work_dir.glob('*.pth') if path.stem.split('_')[0] in ('epoch', 'iter')]
    if saved:
        write_text(str(max(saved, key=lambda path: int(path.stem.split('_')[1]))), pointer)
    else:
        pointer.unlink()
