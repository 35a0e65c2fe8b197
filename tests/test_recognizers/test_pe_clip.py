"""PE-CLIP as a whole: two processes are one, frozen bytes stay, and its tunable file holds the prompts."""
import copy

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import init_default_scope
from safetensors import safe_open

from mmdfer.backbones.freezing import count_parameters
from mmdfer.datasets import class_names
from mmdfer.evaluation import RecallMetric
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.weights import CheckpointError, frozen_digest, load_weights, save_tunable, tunable_names

from ..commands import in_copies
from ..conftest import ROOT
from .test_video_text_recognizer import build, clips, samples

BATCH = 4


def _part_of_a_step(rank, world, folder):
    """A process's part of one step and one evaluation, as DDP and the runner share them out."""
    torch.set_num_threads(1)
    init_default_scope('mmaction')
    store = f'file://{folder}/store{world}'
    torch.distributed.init_process_group('gloo', init_method=store, rank=rank, world_size=world)
    model, inputs, truth = build().train(), clips(BATCH), samples(BATCH)
    part = slice(rank * BATCH // world, (rank + 1) * BATCH // world)
    network = torch.nn.parallel.DistributedDataParallel(Loss(model)) if world > 1 else Loss(model)
    loss = network(inputs[part], truth[part])
    loss.backward()
    total = loss.detach().clone()
    torch.distributed.all_reduce(total)
    grads = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    metric = RecallMetric()
    metric.dataset_meta = dict(classes=class_names('dfew'))
    with torch.no_grad():
        predicted = model.eval().predict(inputs[rank::world], copy.deepcopy(truth[rank::world]))
    metric.process({}, [sample.to_dict() for sample in predicted])
    found = metric.evaluate(BATCH)
    if rank == 0:
        figures = {key: float(found[key]) for key in ('uar', 'war')}
        torch.save((float(total) / world, grads, figures), f'{folder}/found{world}.pt')
    del network         # or the group ends with its reducer, which waits for threads that wait for Python's lock
    torch.distributed.destroy_process_group()


class Loss(torch.nn.Module):
    """A model's training loss as a ``forward``, which is what DDP wraps."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, inputs, truth):
        return self.model(inputs, truth, mode='loss')['loss_cls']


def test_two_processes_give_the_loss_gradients_and_metric_of_one(tmp_path):
    found = []
    for world in (1, 2):
        in_copies(_part_of_a_step, (world, str(tmp_path)), world)
        found.append(torch.load(tmp_path / f'found{world}.pt'))
    (loss, grads, figures), (loss2, grads2, figures2) = found
    assert loss2 == pytest.approx(loss, rel=1e-5) and figures2 == figures
    assert grads2.keys() == grads.keys() == {name for name, p in build().named_parameters() if p.requires_grad}
    for name, value in grads.items():
        torch.testing.assert_close(grads2[name], value, rtol=1e-3, atol=1e-5)


def step(model, inputs, truth, lr=1e-2):
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr)
    loss = model(inputs, truth, mode='loss')['loss_cls']
    loss.backward()
    optimizer.step()
    return loss.item()


def test_frozen_bytes_are_the_same_after_steps_and_the_loss_falls():
    model = build().train()
    before = frozen_digest(model)
    losses = [step(model, clips(), samples(4), lr=3e-3) for _ in range(6)]
    assert frozen_digest(model) == before and losses[-1] < 0.8 * losses[0]


def test_the_tunable_file_holds_the_prompts_and_nothing_frozen(tmp_path):
    model = build().train()
    start = copy.deepcopy(model)
    step(model, clips(), samples(4))
    path = tmp_path / 'tunable.safetensors'
    save_tunable(model, path, {})
    with safe_open(path, 'pt') as file:
        names = set(file.keys())
    assert names == tunable_names(model)
    prompts = {name for name in names if name.startswith('cls_head.prompt_learner.')}
    assert {'cls_head.prompt_learner.ctx', 'cls_head.prompt_learner.deep.1',
            'cls_head.prompt_learner.couplings.2.weight'} <= prompts
    assert all('.adapters.' in name for name in names - prompts)
    load_weights(start, path)
    with torch.no_grad():
        ours, theirs = (one.eval().extract_feat(clips(), stage='head')[0] for one in (start, model))
    assert torch.equal(ours, theirs)

    other = build()
    other.cls_head.text_encoder.token_embedding.weight.data.add_(1)
    with pytest.raises(CheckpointError, match='other frozen weights'):
        load_weights(other, path)


@pytest.mark.slow
def test_one_full_size_step():
    """configs/pe_clip_vitb16_dfew.py from random weights: two frames, a batch of one, mixing and all."""
    torch.manual_seed(0)
    cfg = load_config(ROOT / 'configs/pe_clip_vitb16_dfew.py').model
    model = MODELS.build(cfg).train()
    assert count_parameters(model)[0] == 9_399_564
    before, tunable = frozen_digest(model), {n: p.clone() for n, p in model.named_parameters() if p.requires_grad}
    data = model.data_preprocessor(dict(inputs=[torch.randint(0, 255, (1, 3, 2, 224, 224))],
                                        data_samples=[ActionDataSample().set_gt_label(3)]), training=True)
    loss = step(model, data['inputs'], data['data_samples'])
    assert 0 < loss < 100 and frozen_digest(model) == before
    unmoved = {name for name, p in model.named_parameters() if p.requires_grad and torch.equal(p, tunable[name])}
    # A TDA starts with W_up at zero, which holds back what is before it, and a closed gate holds back W_up: in the last
    # block it is that of one class token a frame.
    others = [name for name in unmoved if not (name.startswith('backbone.') and '.adapters.tda.' in name)]
    assert not others
