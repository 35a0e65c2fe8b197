"""The recipe's batch by accumulation: the same steps and the same learning rate whatever a process holds at once."""
import pytest
import torch

from mmdfer.engine import accumulate, accumulation, clips_a_step
from mmdfer.run_config import load_config

from .toy import toy_runner

SGD = dict(type='OptimWrapper', constructor='TunableOptimWrapperConstructor',
           optimizer=dict(type='SGD', lr=.05, momentum=.9))


def trained(folder, batch, base=8, processes=1, **wrapper):
    """Weights, steps and the learning rate after three epochs of eight samples."""
    runner = toy_runner(folder, optim_wrapper=dict(SGD, **wrapper))
    runner._train_dataloader['batch_size'] = batch
    runner.auto_scale_lr = dict(enable=True, base_batch_size=base, accumulate=True)
    accumulate(runner)
    steps = []
    build = runner.build_optim_wrapper

    def counted(cfg):
        built = build(cfg)
        step = built.step
        built.step = lambda *args, **kwargs: (steps.append(1), step(*args, **kwargs))
        return built

    runner.build_optim_wrapper = counted
    runner.train()
    rate = runner.optim_wrapper.optimizer.param_groups[0]['lr']
    return runner.model.head.weight.detach().clone(), len(steps), rate, clips_a_step(runner)


def test_equal_total_batches_give_equal_steps(tmp_path):
    whole = trained(tmp_path / 'whole', 8)
    assert whole[1:] == (3, .05, 8)
    for batch in (4, 2, 1):
        weight, steps, rate, clips = trained(tmp_path / str(batch), batch)
        assert (steps, rate, clips) == (3, .05, 8)
        torch.testing.assert_close(weight, whole[0], rtol=1e-5, atol=1e-6)
    apart = trained(tmp_path / 'apart', 2, accumulative_counts=1)
    assert apart[1:] == (12, .0125, 2) and (apart[0] - whole[0]).abs().max() > 1e-3


def test_an_epoch_ends_with_a_step_over_what_is_left(tmp_path):
    """Eight samples in steps of six: six and two, as a loader of six would have them."""
    whole, left = trained(tmp_path / 'whole', 6, base=6), trained(tmp_path / 'left', 2, base=6)
    assert whole[1:3] == left[1:3] == (6, .05)
    torch.testing.assert_close(left[0], whole[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('batch, processes, counts, rate', [
    (16, 1, 8, 1), (16, 4, 2, 1), (16, 8, None, 1), (16, 16, None, 2), (16, 3, 3, 144 / 128), (128, 1, None, 1),
    (24, 1, 5, 120 / 128)])
def test_the_rate_is_the_recipes_and_what_cannot_be_had_is_scaled(batch, processes, counts, rate, monkeypatch):
    """As mmengine works the rate out: by the clips of a batch on all processes over base_batch_size."""
    monkeypatch.setattr(accumulation, 'get_world_size', lambda: processes)

    class Runner:
        auto_scale_lr = dict(load_config('fe_adapter_vitb_dfew').auto_scale_lr)
        optim_wrapper, _train_dataloader, hooks = dict(type='OptimWrapper'), dict(batch_size=batch), []

        def register_hook(self, hook):
            self.hooks.append(hook)

    runner = Runner()
    accumulate(runner)
    assert runner.optim_wrapper.get('accumulative_counts') == counts and bool(runner.hooks) == (counts is not None)
    assert batch * processes / runner.auto_scale_lr['base_batch_size'] == pytest.approx(rate)


def test_only_recipes_that_ask_for_it_accumulate():
    asked = {name: bool(load_config(name).auto_scale_lr.get('accumulate')) for name in (
        'fe_adapter/blocks_1_to_4@ferv39k', 'fe_adapter_vitb_mafw', 'pe_clip_vitb16_dfew', 'finecliper/base')}
    assert list(asked.values()) == [True, True, False, False]
    assert load_config('fe_adapter_vitb_ferv39k').optim_wrapper.optimizer.lr == 5e-4
