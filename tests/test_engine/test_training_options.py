"""Options of training do what they say: accumulation, clipping, early stopping, determinism, and the README's lines."""
import json
import os
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATA_SAMPLERS, HOOKS, MODELS, STRATEGIES
from mmengine.runner import set_random_seed
from torch import nn

from mmdfer.apis.counting import build_shapes
from mmdfer.engine import CompileBackboneHook, TunableEMAHook
from mmdfer.run_config import flow_classes, load_config, set_randomness
from mmdfer.weights import read_checkpoint

from ..commands import tool
from ..conftest import ROOT
from .toy import toy_runner

RECOGNIZER = dict(
    type='Recognizer3D',
    backbone=dict(type='AdapterViT', img_size=16, patch_size=8,
                  arch=dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48),
                  adapters=[dict(type='FEAdapter', slot='before_attn', width=4)]),
    cls_head=dict(type='LinearVideoHead', num_classes=3, in_channels=24))
OPTIMIZERS = [dict(type='SGD', lr=.1, momentum=.9), dict(type='AdamW', lr=5e-4, weight_decay=1e-2)]


def recognizer(dtype=torch.float64):
    """A tiny model past its start, where every adapter's weights get gradients."""
    torch.manual_seed(0)
    model = MODELS.build(RECOGNIZER).to(dtype).train()
    for name, parameter in model.named_parameters():
        if '.adapters.' in name:
            nn.init.normal_(parameter, std=.1)
    return model


def train(model, batches, **options):
    """One call of the optimizer wrapper a batch of clips (B, 1, 3, T, H, W)."""
    wrapper = build_optim_wrapper(model, dict(
        type='OptimWrapper', constructor='TunableOptimWrapperConstructor', **options))
    wrapper.initialize_count_status(model, 0, len(batches))
    for clips, labels in batches:
        loss = nn.functional.cross_entropy(model(clips, mode='tensor', stage='head'), labels)
        wrapper.update_params(loss)
    return {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}


def clips(count, dtype=torch.float64):
    torch.manual_seed(1)
    return torch.randn(count, 1, 3, 3, 16, 16, dtype=dtype), torch.arange(count) % 3


@pytest.mark.parametrize('optimizer', OPTIMIZERS, ids=lambda cfg: cfg['type'])
def test_two_accumulated_batches_step_as_one_of_both(optimizer):
    x, y = clips(8)
    whole = train(recognizer(), list(zip(x.split(4), y.split(4))), optimizer=optimizer)
    halves = list(zip(x.split(2), y.split(2)))
    accumulated = train(recognizer(), halves, optimizer=optimizer, accumulative_counts=2)
    apart = train(recognizer(), halves, optimizer=optimizer)
    for name, parameter in whole.items():
        torch.testing.assert_close(accumulated[name], parameter, atol=1e-6, rtol=0, msg=lambda text: f'{name}: {text}')
    assert max((apart[name] - whole[name]).abs().max() for name in whole) > 1e-4


def test_gradients_are_clipped_to_their_norm():
    x, y = clips(4)

    def step(**options):
        start = {name: p.detach().clone() for name, p in recognizer().named_parameters() if p.requires_grad}
        moved = train(recognizer(), [(x, y)], optimizer=dict(type='SGD', lr=1.), **options)
        return torch.cat([(moved[name] - start[name]).flatten() for name in start])
    free, clipped = step(), step(clip_grad=dict(max_norm=.01))
    assert free.norm() > .02 and clipped.norm() == pytest.approx(.01, rel=1e-4)
    torch.testing.assert_close(clipped / clipped.norm(), free / free.norm())
    torch.testing.assert_close(step(clip_grad=dict(max_norm=1e3)), free)


def readme_options(name='schedules'):
    """The config line of each option in a README of ``configs/_base_``."""
    text = (ROOT / 'configs' / '_base_' / name / 'README.md').read_text(encoding='utf-8')
    table = text.split('| option | config line |')[1]
    return dict(re.findall(r'^\| ([^|]+?) \| `([^`]+)` \|', table, re.MULTILINE))


def with_option(name, readme='schedules'):
    cfg = load_config(ROOT / 'configs/fe_adapter_vitb_dfew.py')
    cfg.merge_from_dict(Config.fromstring(readme_options(readme)[name], '.py')._cfg_dict.to_dict())
    flow_classes(cfg)
    return cfg


@pytest.mark.parametrize('readme, some', [
    ('schedules', {'EMA of the tunable parameters', 'SWA of the tunable parameters', 'Early stopping',
                   'Gradient accumulation', 'Gradient clipping', 'Compiled backbone', 'Layer-wise learning rates',
                   'Deterministic mode', 'Weights spread over the processes'}),
    ('augment', {'Mixup', 'CutMix', 'Label smoothing', 'Balanced epochs', 'Focal loss', 'Logit adjustment'})])
def test_every_line_of_the_readme_reaches_the_config(readme, some):
    assert some <= set(readme_options(readme))
    plain = load_config(ROOT / 'configs/fe_adapter_vitb_dfew.py')
    for name in readme_options(readme):
        cfg = with_option(name, readme)
        assert cfg.pretty_text != plain.pretty_text, name
        for hook in [*cfg.default_hooks.values(), *cfg.custom_hooks]:
            assert isinstance(HOOKS.build(hook), Hook)
        if cfg.optim_wrapper.type != 'AmpOptimWrapper' or torch.cuda.is_available():      # that one refuses CPUs
            build_optim_wrapper(recognizer(), dict(cfg.optim_wrapper))
        assert DATA_SAMPLERS.get(cfg.train_dataloader.sampler.type) is not None
        assert 'strategy' not in cfg or STRATEGIES.get(cfg.strategy.type) is not None
        build_shapes(cfg.model)
        if cfg.model.data_preprocessor.get('blending'):
            MODELS.build(cfg.model.data_preprocessor)
    assert isinstance(HOOKS.build(with_option('EMA of the tunable parameters').default_hooks.ema), TunableEMAHook)
    assert isinstance(HOOKS.build(with_option('Compiled backbone').default_hooks.compile), CompileBackboneHook)


def test_early_stopping_waits_for_ten_validations_without_a_better_uar(tmp_path):
    hook = with_option('Early stopping').default_hooks.early_stopping
    uars = [.3, .5, .6, .6001, *[.6] * 20]
    runner = toy_runner(tmp_path, hook, uars=uars)
    runner.train()
    assert runner.epoch == 4 + 10
    best = read_checkpoint(tmp_path / 'best.safetensors')['meta']
    assert best['step'] == 4 and best['metrics'] == dict(uar=.6001)


@pytest.fixture
def deterministic():
    """Deterministic mode for a test, and the former settings after it."""
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    set_random_seed(3, deterministic=True)
    assert torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn


@pytest.mark.parametrize('optimizer', OPTIMIZERS, ids=lambda cfg: cfg['type'])
def test_deterministic_training_gives_equal_bits(deterministic, optimizer):
    def run():
        x, y = clips(8, torch.float32)
        return train(recognizer(torch.float32), list(zip(x.split(4), y.split(4))), optimizer=optimizer)
    first, second = run(), run()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_determinism_reaches_the_config_and_cublas(monkeypatch):
    monkeypatch.delenv('CUBLAS_WORKSPACE_CONFIG', raising=False)
    cfg = load_config(ROOT / 'configs/fe_adapter_vitb_dfew.py')
    set_randomness(cfg, deterministic=True)
    assert cfg.randomness == dict(seed=42, deterministic=True)
    assert os.environ['CUBLAS_WORKSPACE_CONFIG'] == ':4096:8'
    monkeypatch.setenv('CUBLAS_WORKSPACE_CONFIG', ':16:8')
    bare = Config(dict())
    set_randomness(bare, seed=3, deterministic=True)
    assert bare.randomness == dict(seed=3, deterministic=True) and os.environ['CUBLAS_WORKSPACE_CONFIG'] == ':16:8'


@pytest.mark.slow
def test_the_tools_train_and_test_with_averages(tmp_path, dfew):
    def run(*args):
        done = tool(*args)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    def uar(checkpoint):
        run('test.py', 'configs/demo/fe_adapter.py', work_dir / checkpoint, '--data-root', dfew, '--work-dir',
            tmp_path / 'test', '--cfg-options', *options, 'default_hooks.ema.type=TunableEMAHook')
        return json.loads((tmp_path / 'test' / 'test' / 'metrics.json').read_text())['uar']
    work_dir = tmp_path / 'run'
    options = ['train_dataloader.batch_size=4', 'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0',
               'train_dataloader.persistent_workers=False', 'val_dataloader.persistent_workers=False',
               'test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False',
               'model.backbone.init_cfg=None']
    run('train.py', 'configs/demo/fe_adapter.py', '--data-root', dfew, '--work-dir', work_dir, '--deterministic',
        '--cfg-options', *options, 'train_cfg.max_epochs=2', 'train_cfg.val_interval=1',
        'default_hooks.ema.type=TunableEMAHook', 'default_hooks.ema.momentum=0.3')
    full = torch.load(work_dir / 'epoch_2.pth', weights_only=True)
    small = read_checkpoint(work_dir / 'last.safetensors')['state_dict']
    assert all(torch.equal(full['state_dict'][name], tensor) for name, tensor in small.items())
    assert set(full['ema_state_dict']) == {'steps', *(f'module.{name}' for name in small)}
    assert any(not torch.equal(full['ema_state_dict'][f'module.{name}'], tensor) for name, tensor in small.items())
    assert uar('epoch_2.pth') == json.loads((work_dir / 'result.json').read_text())['uar']
