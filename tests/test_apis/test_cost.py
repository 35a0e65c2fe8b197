"""What a step costs: FLOPs in closed form, memory as PyTorch's own profiler sees a real step, and what fits."""
import json

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from torch.profiler import ProfilerActivity, profile

from mmdfer.apis.cost import StepModel, largest_batch, training_loss
from mmdfer.apis.cost_report import parse_memory, report, table
from mmdfer.run_config import load_config
from mmdfer.visualization.cost import plot_cost

from ..commands import command

SIZES = dict(embed_dims=64, num_layers=1, num_heads=2, feedforward_channels=256)


def small(name='fe_adapter_vitb_dfew', **backbone):
    cfg = load_config(name)
    cfg.model.backbone.update(arch=SIZES, img_size=64, **backbone)
    cfg.model.cls_head.in_channels = 64
    if cfg.model.backbone.get('adapters'):
        cfg.model.backbone.adapters.fe.width = 8
    for step in cfg.test_pipeline:
        if 'num_frames' in step:
            step.num_frames = 4
        if 'crop_size' in step:
            step.crop_size = 64
    return cfg


@pytest.fixture(scope='module')
def adapters():
    return StepModel(small())


@pytest.fixture(scope='module')
def whole():
    return StepModel(small('baselines/full_finetuning_vitb16_dfew'))


def vit_flops(width, depth, mlp, tokens, pixels, classes, frames):
    """Products of a ViT over frames in its forward pass: patches, qkv and projection, attention, MLP, scores."""
    block = 4 * tokens * width**2 + 2 * tokens**2 * width + 2 * tokens * width * mlp
    return 2 * (frames * ((tokens - 1) * pixels * width + depth * block) + width * classes)


@pytest.mark.slow
def test_flops_of_a_vit_b_are_those_of_its_closed_form():
    model = StepModel(load_config('baselines/full_finetuning_vitb16_dfew'))
    cost = model.cost(2)
    forward = 2 * vit_flops(768, 12, 3072, 197, 768, 7, 16)
    assert cost.flops_forward == forward
    assert cost.flops_forward / 2 / 16 == pytest.approx(2 * 17.58e9, rel=0.01)     # as it is quoted, a frame
    patches = 2 * 2 * 16 * 196 * 768 * 768                                         # whose input wants no gradient
    assert cost.flops_backward == 2 * forward - patches
    assert (cost.weights, cost.gradients, cost.optimizer) == pytest.approx(
        (4 * model.total, 4 * model.total, 8 * model.total), rel=1e-6)


@pytest.mark.slow
def test_memory_is_that_of_a_step_that_was_measured_on_a_card():
    """9.0 GiB besides weights and clips on an H100: configs/README.md, "What a step costs on a GPU"."""
    cfg = load_config('fe_adapter_vitb_dfew', {'model.backbone.adapters': None, 'model.backbone.freeze': False})
    cost = StepModel(cfg).cost(8, precision='amp')
    clips = 8 * 3 * 16 * 224**2 * 4
    assert (cost.peak - cost.weights - clips) / 2**30 == pytest.approx(9.0, rel=0.03)


def test_flops_of_a_small_one_too(whole):
    assert whole.cost(2).flops_forward == 2 * vit_flops(64, 1, 256, 17, 768, 7, 4)
    assert whole.cost(1, frames=8, size=96).flops_forward == vit_flops(64, 1, 256, 37, 768, 7, 8)


def allocated_peak(model, batch):
    """The most that PyTorch's CPU allocator hands out in a second step, as its profiler records it, and the rest."""
    init_default_scope('mmaction')
    torch.manual_seed(0)
    real = MODELS.build(model.model_cfg).train()
    wrapper = build_optim_wrapper(real, model.cfg.optim_wrapper)
    clips = torch.zeros(batch, *model.shape[1:3], model.frames, model.size, model.size)

    def step():
        wrapper.optimizer.zero_grad()
        training_loss(real, clips).backward()
        wrapper.optimizer.step()

    step()
    wrapper.optimizer.zero_grad()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        step()
    steps = [event for event in recorded.profiler.kineto_results.events() if event.name() == '[memory]']
    now = most = 0
    for event in sorted(steps, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    states = [value for state in wrapper.optimizer.state.values() for value in state.values()]
    held = [*real.parameters(), *real.buffers(), clips, *states]
    return most + sum(tensor.numel() * tensor.element_size() for tensor in held)


@pytest.mark.parametrize('kind', ['adapters', 'whole'])
def test_the_peak_is_what_pytorch_allocates_in_a_real_step(kind, request):
    model = request.getfixturevalue(kind)
    assert model.cost(16).peak == pytest.approx(allocated_peak(model, 16), rel=0.05)
    assert model.cost(16).peak == pytest.approx(model.measure(16).peak, rel=0.05)


def test_memory_grows_by_clips_frames_and_pixels_and_halves_in_half_precision(whole):
    one, two, four = (whole.cost(batch) for batch in (8, 16, 32))
    assert four.passes - two.passes == pytest.approx(2 * (two.passes - one.passes), rel=0.01)
    assert whole.cost(8, frames=8).kept == pytest.approx(two.kept, rel=0.01)
    half = whole.cost(32, precision='bf16')
    assert (half.weights, half.gradients, half.kept) == pytest.approx(
        (four.weights / 2, four.gradients / 2, four.kept / 2), rel=0.02)
    assert half.peak < whole.cost(32, precision='amp').peak < four.peak


def test_adapters_keep_less_and_recomputing_less_still(adapters, whole):
    again = StepModel(small(with_cp=True)).cost(8)
    mine, theirs = adapters.cost(8), whole.cost(8)
    assert mine.optimizer < theirs.optimizer and mine.kept < theirs.kept and again.kept < mine.kept


def test_the_largest_batch_fits_and_one_more_does_not(whole):
    budget = 60 * 2**20
    batch, costs = largest_batch(whole, budget)
    assert batch > 2 and whole.cost(batch).peak <= budget < whole.cost(batch + 1).peak
    assert [cost.batch for cost in costs[:2]] == [1, 2]
    buckets = 4 * whole.tunable
    fewer = largest_batch(whole, budget, buckets)[0]
    assert 0 < fewer < batch and whole.cost(fewer).peak + buckets <= budget
    assert largest_batch(whole, costs[0].peak - 1)[0] == 0


def test_a_report_tells_what_fits_and_says_what_is_estimated(whole):
    found = report(whole, gpu=80 * 2**20, reserve=20 * 2**20, gpus=2, tflops=2., measure=(2, ))
    text = table(found)
    assert f'20.0 MiB are left free (an assumption, --reserve): {found["largest"]} clips a step on each card' in text
    cost = next(cost for cost in found['costs'] if cost['batch'] == found['chosen'] == found['largest'])
    speed = 2 * cost['batch'] * 2e12 / (cost['flops_forward'] + cost['flops_backward'])
    assert f'estimated, not measured: {speed:.3g} clips a second on 2 cards that keep up 2 TFLOP/s' in text
    real, = found['measured']
    assert real['worked_out'] == pytest.approx(real['peak'], rel=0.05) and 'measured here (CPU): 2 clips' in text
    small_card = report(whole, gpu=2**20, batch=1)
    assert 'not one clip' in table(small_card) and not small_card['fits']


@pytest.mark.filterwarnings('ignore::UserWarning')
def test_the_command_prints_writes_and_draws(whole, tmp_path, monkeypatch):
    monkeypatch.setattr('mmdfer.apis.cost.StepModel', lambda cfg: whole)
    out = command('cost', 'fe_adapter_vitb_dfew', '--gpu', '80MB', '--reserve', '20MB', '--measure', '2', '--plot',
                  tmp_path / 'cost.png', '--json', tmp_path / 'cost.json')
    assert 'what fits on 80.0 MiB' in out.stdout and out.returncode == 0, out.stderr
    found = json.loads((tmp_path / 'cost.json').read_text())
    assert [cost['frames'] for cost in found['sweep']['frames']] == [2, 4, 6]
    assert [cost['size'] for cost in found['sweep']['size']] == [32, 64, 96]
    figure = plot_cost(found, None)
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == 'x']
    assert [line.get_xydata().tolist() for line in crosses] == [[[2, found['measured'][0]['peak'] / 2**30]]]
    assert (tmp_path / 'cost.png').stat().st_size > 10_000


@pytest.mark.parametrize('text, size', [('24GB', 24 * 2**30), ('24 GiB', 24 * 2**30), ('0.5g', 2**29), ('800MB',
                                                                                                        800 * 2**20)])
def test_amounts_of_memory_are_read(text, size):
    assert parse_memory(text, '--gpu') == size


@pytest.mark.parametrize('words, message', [
    (('--gpu', '24 apples'), '--gpu 24 apples: expected an amount of memory, such as 24GB'),
    (('--gpu', '1GB'), '--gpu 1GB: is no more than --reserve 1.5GB'),
    (('--batch', '0'), '--batch 0: expected a number above 0'),
    (('--frames', '-2'), '--frames -2: expected a number above 0'),
])
def test_a_wrong_option_is_told(whole, monkeypatch, words, message):
    monkeypatch.setattr('mmdfer.apis.cost.StepModel', lambda cfg: whole)
    out = command('cost', 'fe_adapter_vitb_dfew', *words)
    assert out.returncode == 2 and message in out.stderr


def test_a_model_that_trains_nothing_or_reads_images_is_told():
    with pytest.raises(ValueError, match='has no model and optim_wrapper'):
        StepModel(Config(dict(model=dict(type='Recognizer3D'))))
    with pytest.raises(ValueError, match='for clips of FormatShape NCTHW'):
        StepModel(load_config('mix/tsn_r50_dfew'))
