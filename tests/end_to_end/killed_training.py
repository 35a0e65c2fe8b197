"""A program of its own: a tiny training, killed before each of its file events and started again; prints what it found.

It is none of the tests' process, since what has trained before cannot train in a copy of itself.
"""
from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

from mmdfer.apis.benchmarks.killing import kill_everywhere, make_light
from mmdfer.apis.benchmarks.kills import write_config, write_set

EVERY = 3
"""Every third file event; ``mmdfer benchmark kills`` takes all of them."""


def main(place: Path) -> None:
    import mmdfer.everything  # noqa: F401
    from mmdfer.apis import running
    from mmdfer.run_config import load_config, set_resume
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
    print(json.dumps(vars(report)))


if __name__ == '__main__':
    main(Path(sys.argv[1]))
