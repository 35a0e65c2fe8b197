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

LAST = 'last_checkpoint'
"""Where mmengine looks for the name of the checkpoint that a run goes on from."""


@HOOKS.register_module()
class AdapterCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, and beside its files the tunable part as safetensors.

    Each full checkpoint ``epoch_N.pth`` keeps what a resumed run needs. ``last.safetensors`` and, with
    ``save_best``, ``best.safetensors`` hold the tunable parameters with the config and provenance, and
    ``best.pth`` is a link to the best full checkpoint. A model without frozen parts has no such second file.

    Whatever the moment of a kill, the files that are there are whole, and the next start completes them: a better epoch
    is written under all its names before the older one is removed, and only then does ``epoch_N.pth`` say that epoch N
    was validated. A run that is resumed from one that does not say so validates first, so that no result is missing.

    Args:
        save_best: metric to keep the best checkpoint of, higher being better. Defaults to ``'uar'``.
        max_keep_ckpts: full checkpoints to keep, at least 2, since the one before is removed before the
            next is written.
        kwargs: of ``CheckpointHook``.
    """

    best_ckpt_path: str | None                  # mmengine's

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
        self._replacing: tuple[str | None, dict] | None = None

    def before_run(self, runner) -> None:
        if is_main_process():
            complete_pointer(runner.work_dir)                   # before the runner looks into it
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
        self.last_ckpt = runner.message_hub.runtime_info.get('last_ckpt')   # of a resumed run; mmengine has none yet
        if self._stopped_before_validation(runner):
            runner.logger.info(f'validating epoch {runner.epoch} again before the run goes on')
            self._validate_again(runner)

    def _stopped_before_validation(self, runner) -> bool:
        loop = runner.train_loop
        if runner.epoch == 0 or runner.val_loop is None or not isinstance(loop, EpochBasedTrainLoop):
            return False
        if runner.message_hub.runtime_info.get('last_validated_epoch') == runner.epoch:
            return False
        return runner.epoch >= loop.val_begin and (runner.epoch % loop.val_interval == 0
                                                   or runner.epoch == loop.max_epochs)

    @staticmethod
    def _validate_again(runner) -> None:
        """Validate where metrics and hooks are told the same place in training as the first time."""
        hub, place = runner.message_hub, dict(epoch=runner.epoch, iter=runner.iter)
        for name, value in place.items():
            hub.update_info(name, value - 1)
        runner.val_loop.run()
        for name, value in place.items():
            hub.update_info(name, value)

    def after_val_epoch(self, runner, metrics) -> None:
        runner.message_hub.update_info('last_validated_epoch', runner.epoch)
        super().after_val_epoch(runner, metrics)

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        self._complete_best(runner)             # the file that is written next says that this epoch was validated
        self._make_room(runner, step)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self._path(name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        self._position = dict(epoch=step, iter=runner.iter) if self.by_epoch else dict(epoch=runner.epoch, iter=step)
        runner.save_checkpoint(self.out_dir, name, self.file_client_args, save_optimizer=self.save_optimizer,
                               save_param_scheduler=self.save_param_scheduler, meta=meta, by_epoch=self.by_epoch,
                               backend_args=self.backend_args, **self.args)
        self._position = {}
        self._save_tunable(runner, 'last', step, {})
        if is_main_process():
            write_text(self.last_ckpt, Path(runner.work_dir) / LAST)        # mmengine writes it in place

    def _make_room(self, runner, step: int) -> None:
        """Remove what is one too many with the next checkpoint; those that are left are whole."""
        if self.max_keep_ckpts <= 0:
            return
        kept = [*(one for one in runner.message_hub.runtime_info.get('keep_ckpt_ids', ()) if one != step), step]
        runner.message_hub.update_info('keep_ckpt_ids', kept[-self.max_keep_ckpts:])
        for one in kept[:-self.max_keep_ckpts] if is_main_process() else ():
            self._remove(self._path(self.filename_tmpl.format(one)))

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        # The hook saves an epoch's checkpoint once more after a better validation; FlexibleRunner then counts it as one
        # epoch and iteration later, which a resumed run would leave out.
        checkpoint['meta'].update(self._position, adapter_places=adapter_places(_bare(runner.model)))

    def _save_best_checkpoint(self, runner, metrics) -> None:
        if not hasattr(self, 'best_ckpt_path'):                     # several metrics, with a best file each
            super()._save_best_checkpoint(runner, metrics)
            return
        before = self.best_ckpt_path
        # mmengine would remove the older file before the better one is there.
        self._replacing, self.best_ckpt_path = (before, metrics), None
        super()._save_best_checkpoint(runner, metrics)
        if self.best_ckpt_path is None:
            self.best_ckpt_path = before
        else:
            self._complete_best(runner)
        self._replacing = None

    def _complete_best(self, runner) -> None:
        """Give a better checkpoint that has just been written its other names, and remove the one before."""
        if self._replacing is None:
            return
        (before, metrics), self._replacing = self._replacing, None
        self._save_tunable(runner, 'best', runner.epoch if self.by_epoch else runner.iter, metrics)
        if is_main_process():
            name = Path(self.best_ckpt_path).name
            write_link(Path(self.out_dir) / 'best.pth', name)
            if before is not None and Path(before).name != name:
                self._remove(self._path(Path(before).name))         # here, wherever the folder was when it was written

    def _path(self, name: str) -> str:
        return self.file_backend.join_path(self.out_dir, name)

    def _remove(self, path: str) -> None:
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):                         # of a strategy that writes folders
            self.file_backend.rmtree(path)

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


def complete_pointer(work_dir: str | os.PathLike) -> None:
    """Let ``last_checkpoint`` name a file of this very folder.

    mmengine writes it in place, so that a kill could leave it empty, and by the folder's path, which is another one
    once the run has been moved or copied.
    """
    folder, pointer = Path(work_dir), Path(work_dir) / LAST
    if not pointer.is_file():
        return
    named = pointer.read_text(encoding='utf-8').strip()
    here = folder / Path(named).name
    if named and here.exists() and not (os.path.exists(named) and os.path.samefile(named, here)):
        write_text(str(here), pointer)
    if named:
        return
    saved = {step: path for path in folder.glob('*.pth') if (step := step_of(path)) is not None}
    if saved:
        write_text(str(saved[max(saved)]), pointer)
    else:
        pointer.unlink()


def step_of(path: Path) -> int | None:
    """The step of a checkpoint that is saved regularly, ``epoch_N.pth`` or ``iter_N.pth``; ``None`` for others."""
    unit, _, step = path.stem.partition('_')
    return int(step) if unit in ('epoch', 'iter') and step.isdigit() else None
