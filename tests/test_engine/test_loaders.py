"""A run's loaders: with any number of workers from one option, and with workers that outlive a scheduler's SIGTERM and
end with the run."""
import os
import signal
import time

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmdfer.engine import EndWorkersHook, fit_loaders, set_workers, shield_workers
from mmdfer.run_config import LOADERS


class Numbers(torch.utils.data.Dataset):
    """Slow numbers, and the process that they come from."""
    metainfo = dict(classes=('a', ))

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> torch.Tensor:
        time.sleep(.05)
        return torch.tensor([index, os.getpid()])


def loader(**settings):
    return dict(dict(batch_size=1, num_workers=1, dataset=Numbers(), sampler=dict(type='DefaultSampler', shuffle=False),
                     collate_fn=dict(type='default_collate')), **settings)


def config(**settings):
    return Config(dict.fromkeys(LOADERS, dict(batch_size=2, num_workers=4, persistent_workers=True, prefetch_factor=3,
                                              **settings)))


def test_one_number_is_that_of_every_loader():
    cfg = config()
    set_workers(cfg, None)
    assert [cfg[name].num_workers for name in LOADERS] == [4, 4, 4]
    set_workers(cfg, 0)
    fit_loaders(cfg)
    assert [cfg[name].to_dict() for name in LOADERS] == [dict(batch_size=2, num_workers=0)] * 3
    with pytest.raises(ValueError, match='--workers -1: expected 0 or more'):
        set_workers(cfg, -1)


def test_what_is_of_workers_stays_where_there_are_some():
    cfg = config()
    cfg.val_dataloader, cfg.test_dataloader = dict(num_workers=0, persistent_workers=True), None
    fit_loaders(cfg)
    assert cfg.train_dataloader.persistent_workers and cfg.train_dataloader.prefetch_factor == 3
    assert cfg.val_dataloader.to_dict() == dict(num_workers=0)


class Builder:
    """The part of a runner that builds loaders."""
    build_dataloader = staticmethod(Runner.build_dataloader)


@pytest.mark.skipif(not hasattr(signal, 'sigwaitinfo'), reason='the system does not tell who sent a signal')
def test_workers_go_on_at_a_schedulers_sigterm_and_end_with_their_parent():
    runner = Builder()
    shield_workers(runner)
    built = runner.build_dataloader(loader(persistent_workers=True), seed=1)
    assert runner.build_dataloader(built).worker_init_fn is built.worker_init_fn
    found = []
    for batch in built:
        found.append(int(batch[0, 0]))
        worker = int(batch[0, 1])
        if not os.fork():                               # somebody else, who is not the worker's parent
            os.kill(worker, signal.SIGTERM)
            os._exit(0)
        os.wait()
    assert found == list(range(6)) and worker != os.getpid()
    process, = built._iterator._workers
    assert process.pid == worker and process.is_alive()
    process.terminate()
    process.join(5)
    assert process.exitcode == 0


def test_a_run_that_is_over_ends_its_workers_itself():
    runner = Builder()
    hook = EndWorkersHook(shield_workers(runner))
    kept, fresh = (runner.build_dataloader(loader(persistent_workers=keep), seed=1) for keep in (True, False))
    numbers = [sorted(int(batch[0, 0]) for batch in built) for built in (kept, fresh)]
    process, = kept._iterator._workers
    begin = time.monotonic()
    hook.after_run(runner)
    assert time.monotonic() - begin < 4                         # torch gives a worker 5 s, then kills it
    assert process.exitcode == 0
    assert numbers == [list(range(6))] * 2 == [sorted(int(batch[0, 0]) for batch in built) for built in (kept, fresh)]
    hook.after_run(runner)
