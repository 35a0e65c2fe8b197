"""One step of training of each neighbour's own config at full width and depth, on clips in DFEW's layout.

The weights are random, the data, pipeline, batch of one, losses and optimizer the config's own; towers that take any
size get a part of each clip. A step is in a process of its own, so that its memory goes with it, and the peak is that
process's, its copies of the weights included; ``pytest -s`` tells it.
"""
from __future__ import annotations

import copy
import re
from contextlib import nullcontext

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmdfer.adapters import ExpertMixture
from mmdfer.apis.configs import read_metafile
from mmdfer.apis.counting import no_initialisers
from mmdfer.apis.running import peak_rss
from mmdfer.backbones.freezing import count_parameters
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config, set_data

from ..commands import in_copies
from ..conftest import ROOT, write_dfew
from ..end_to_end.test_image_stage import write_rafdb

NEIGHBOURS = ROOT / 'configs' / 'neighbours'
LIMIT = 8 * 1024                                                # MiB
# What a config of a clip trains and no loss reads, by its name: there since the releases have it, for images, or
# behind what is read out, which weight decay alone moves.
UNREAD = {
    'ial_dfew': r'backbone\.(bias|layer\d\.bias[12]|layer\d\.glb\..*|layer1\.(gc|fc1|fc2)\..*)|cls_head\.aux\.[02]\..*',
    'mae_dfer_dfew': r'backbone\.blocks\.15\.(interaction_attn|interaction_norm|context_norm)\..*',
    's2d_dfew': r'backbone\.s2d_stages\.norms\.11\..*',
    's4d_dfew': r'image_head\..*'
}
# EmoCLIP tells a clip's class from those of the other clips: of one alone its loss is 0.
BATCHES = {'emoclip_dfew': 2}
# A whole step takes up to 100 seconds of one core: of the pipeline's clips, so many pixels wide, these see a corner, so
# many wide, of every so many frames, which their towers and adapters take with all their weights.
CORNERS = {
    'claip_emo_dfew': (224, 64, 4), 'dk_clip_dfew': (224, 64, 4), 'emoclip_dfew': (224, 64, 8),
    'fru_adapter_dfew': (224, 32, 1), 'm3dfel_dfew': (112, 56, 1), 'mae_dfer_dfew': (160, 80, 1),
    's2d_dfew': (224, 64, 4), 's4d_dfew': (160, 96, 1), 'svfap_dfew': (160, 80, 1)
}
WHOLE = ('former_dfer_dfew', 'ial_dfew')
# Positions without weights are made for one size, as are regions, of which there are as many as of the whole clip.
OPTIONS = {
    'mae_dfer_dfew': {'model.backbone.img_size': 80, 'model.backbone.region_size': [1, 5, 5]},
    's2d_dfew': {'model.backbone.landmarks.checkpoint': 'random'},
    's4d_dfew': {'model.backbone.img_size': 96},
    'svfap_dfew': {'model.backbone.img_size': 80}
}
NOISE = 2**23


def published(folder):
    """The entries of a folder's metafile by the stem of their config."""
    return {model['Config'].rpartition('/')[2].removesuffix('.py'): model
            for model in read_metafile(folder / 'metafile.yml')['Models']}


def build(cfg):
    """The config's model with random weights, and without dropped paths; and what it started from, by name.

    Norms scale by about 1, and nothing is zero that would hold a gradient back: no gate, no layer that starts at zero.
    Routers are loud, so that every expert has tokens: these are much alike, and would all leave the same one out.
    The weights are parts of one draw, and the frozen ones lie in it: the models have hundreds of millions.
    """
    noise = 0.02 * torch.randn(NOISE)
    # S2D's landmark net is no part of the parameters, and keeps what it starts from.
    with nullcontext() if 'landmarks' in cfg.model.backbone else no_initialisers():
        model = MODELS.build(copy.deepcopy(cfg.model))
    offsets = {module.weight: 1. for module in model.modules() if isinstance(module, (nn.LayerNorm, _BatchNorm))}
    offsets |= {module.noise.bias: 4. for module in model.modules() if isinstance(module, ExpertMixture)}
    kept, started = noise.clone(), {}
    for name, parameter in model.named_parameters():
        if not parameter.ndim:                                  # a temperature keeps what it starts from
            started[name] = [parameter.detach().clone().view(-1)]
            continue
        begin, offset = int(torch.randint(NOISE // 2, ())), offsets.get(parameter, 0.)
        ends = [begin + len(part) for part in parts_of(parameter)]
        if len(ends) == 1 and not parameter.requires_grad and not offset:
            parameter.data = noise[begin:ends[0]].view(parameter.shape)
        else:
            for part, end in zip(parts_of(parameter), ends):
                torch.add(noise[begin:end], offset, out=part)
        started[name] = [kept[begin:end] + offset if offset else kept[begin:end] for end in ends]
    for module in model.modules():                              # with one clip a dropped path has no gradient
        if type(module).__name__ == 'DropPath':
            module.drop_prob = 0.
    return model.train(), started


def parts_of(parameter):
    """A parameter's values in one row, cut where they are more than half the draw."""
    return parameter.detach().view(-1).split(NOISE // 2)


def first_batch(cfg, size):
    """What the config's training loader gives first, by ``size`` clips a batch; of 7 clips each has its own class."""
    loader = dict(cfg.train_dataloader, batch_size=size, num_workers=0, persistent_workers=False)
    return next(iter(Runner.build_dataloader(loader, seed=0)))


def gradients_of(model):
    """A dict that the next backward pass fills: the largest gradient of each parameter that gets one."""
    found = {}

    def keep(name):
        return lambda parameter: found.update({name: torch.linalg.vector_norm(parameter.grad, float('inf')).item()})

    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(keep(name))
    return found


def take_a_step(rank, folder, name, root):
    """The checks of one config, in a process of its own."""
    torch.manual_seed(0)
    init_default_scope('mmaction')
    cfg = load_config(folder / f'{name}.py', OPTIONS.get(name))
    set_data(cfg, str(root))
    batch = first_batch(cfg, BATCHES.get(name, 1))
    if name in CORNERS:
        whole, side, every = CORNERS[name]
        assert {clip.shape[-2:] for clip in batch['inputs']} == {(whole, whole)}
        batch['inputs'] = [clip[:, :, ::every, :side, :side] for clip in batch['inputs']]
    model, started = build(cfg)
    assert count_parameters(model)[0] == published(folder)[name]['Metadata']['Tunable Parameters']
    gradients = gradients_of(model)

    logs = model.train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))

    assert all(torch.isfinite(value) for key, value in logs.items() if key.startswith('loss')) and logs['loss'] > 0
    tunable = {key for key, value in model.named_parameters() if value.requires_grad}
    unread = {key for key in tunable if re.fullmatch(UNREAD.get(name, ''), key)}
    assert {key for key, value in gradients.items() if 0 < value < float('inf')} == tunable - unread
    moved = {key for key, value in model.named_parameters() if not all(map(torch.equal, parts_of(value), started[key]))}
    assert moved - unread == tunable - unread
    print(f'{name}: {peak_rss()} MiB')
    assert peak_rss() < LIMIT


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """DFEW's layout: a clip of each class, frames of 224x224."""
    return write_dfew(tmp_path_factory.mktemp('full_size') / 'DFEW', train=7, test=1, size=224, folds=(1, ))


@pytest.mark.slow
@pytest.mark.parametrize('name', [*WHOLE, *CORNERS])
def test_a_step_moves_all_that_is_tunable_and_nothing_else(clips, name):
    in_copies(take_a_step, (NEIGHBOURS, name, clips), 1)


@pytest.mark.slow
def test_a_step_of_mae_sfers_image_stage_moves_all(tmp_path):
    in_copies(take_a_step, (ROOT / 'configs' / 'image_fer', 'mae_sfer_vitb_rafdb', write_rafdb(tmp_path)), 1)


def test_every_neighbour_takes_a_step():
    entries = published(NEIGHBOURS)
    systems = {entries[path.stem]['In Collection'] for path in NEIGHBOURS.glob('*.py')}
    assert {entries[name]['In Collection'] for name in (*WHOLE, *CORNERS)} == systems
