"""A tiny training in a copy of the tests' process, killed before each of its file events and started again."""
from __future__ import annotations

import copy
import json
from pathlib import Path

import torch

from mmdfer.apis.benchmarks.killing import kill_everywhere, make_light
from mmdfer.apis.benchmarks.kills import write_config, write_set

EVERY = 3
"""Every third file event; ``mmdfer benchmark kills`` takes all of them."""


def kill_training(place: Path) -> None:
    """Write what was found to ``report.json`` of a folder; it changes much of its process, which is to end with it."""
    import mmdfer.everything  # noqa: F401
    from mmdfer.apis import running
    from mmdfer.run_config import load_config, set_resume
    torch.set_num_threads(1)
    write_set(place / 'data')
    written = load_config(write_config(place / 'tiny.py', place / 'data', **{
        'visualizer.vis_backends': [], 'train_dataloader.batch_size': 7, 'val_dataloader.batch_size': 7}))

    def train() -> None:
        cfg = copy.deepcopy(written)
        cfg.work_dir = str(place / 'work' / 'run')
        set_resume(cfg, 'auto')
        running.train(cfg)

    make_light()
    running.plot_curves = running.plot_confusion_matrix = lambda *args, **kwargs: None
    report = kill_everywhere('training', train, place / 'work', EVERY)
    (place / 'report.json').write_text(json.dumps(vars(report)))
