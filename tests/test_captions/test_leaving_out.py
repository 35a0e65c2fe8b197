"""Zero-shot training goes without clips that have no caption: counted, told, no generated text in a human's place."""
from contextlib import nullcontext

import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.dataset import ConcatDataset, pseudo_collate

from mmdfer.captions import Caption, write_captions
from mmdfer.datasets import DatasetError, class_names
from mmdfer.datasets.leaving_out import left_out_of
from mmdfer.run_config import load_config, set_data
from mmdfer.run_towers import towers

from ..official_layouts import write_mafw_copy

STEPS = [dict(type='LoadCaption', missing='leave_out')]
NEUTRAL = class_names('mafw').index('neutral')


@pytest.fixture(scope='module')
def mafw(tmp_path_factory):
    """Eleven clips a fold, one neutral each, and a file with a generated caption of every clip but 00001."""
    root = write_mafw_copy(tmp_path_factory.mktemp('data') / 'MAFW', (11, 11, 11, 11, 11), 60)
    write_captions([Caption(f'{number:05d}', f'generated {number}') for number in range(2, 56)],
                   root / 'captions.jsonl')
    return root


def build(root, **kwargs):
    return DATASETS.build(dict(dict(type='MAFWDataset', data_root=str(root), pipeline=STEPS), **kwargs))


def test_clips_that_the_sets_lists_leave_without_a_caption_get_none_from_a_file(mafw):
    plain, own = build(mafw, pipeline=[]), build(mafw, captions=True)
    infos = [own.get_data_info(index) for index in range(len(own))]
    assert not any(info['label'] == NEUTRAL for info in infos) and all('frowning' in info['caption'] for info in infos)
    assert own.left_out == dict(caption=len(plain) - len(own)) == dict(caption=4) and plain.left_out == {}
    blank = build(mafw, captions=True, pipeline=[dict(type='LoadCaption')])
    neutral = next(info for info in map(blank.get_data_info, range(len(blank))) if info['label'] == NEUTRAL)
    assert blank.pipeline(neutral)['caption'] == ''


def test_clips_that_a_file_has_no_caption_of_are_left_out_of_training_alone(mafw, caplog):
    numbers = {}
    for fold in (1, 2):
        found = build(mafw, fold=fold)
        numbers[fold] = len(found)
        assert all(found[index]['caption'].startswith('generated') for index in range(len(found)))
    assert sorted(numbers.values()) == [43, 44]                 # 00001 is in one of the two training sets at least
    tested = build(mafw, fold=min(numbers, key=numbers.get) % 2 + 1, split='test', test_mode=True)
    assert len(tested) == 11 and tested.left_out == {}
    assert '' in {tested[index]['caption'] for index in range(11)}
    joined = ConcatDataset([build(mafw, fold=1), build(mafw, fold=2)])
    assert left_out_of(joined) == dict(caption=1) and left_out_of(None) == {}


def test_a_set_without_any_caption_is_refused_in_a_line(mafw, tmp_path):
    write_captions([Caption('00099', 'of another clip')], tmp_path / 'captions.jsonl')
    with pytest.raises(DatasetError, match='none of its 44 clips has a caption, such as .*; make captions by mmdfer'):
        build(mafw, pipeline=[dict(STEPS[0], file=str(tmp_path / 'captions.jsonl'))])


def test_mafws_own_captions_train(mafw):
    """A step of the row's own model, small, over its own data set, and no clip of it lacks a caption."""
    small = dict(embed_dims=32, num_layers=1, num_heads=2, feedforward_channels=32)
    cfg = load_config('finecliper_zeroshot/mafw_own')
    for tower in towers(cfg.model):
        is_text = tower.type == 'CLIPTextEncoder'
        tower.update(dict(arch=dict(small, proj_dim=32)) if is_text else dict(arch=small, img_size=32, proj_dim=32),
                     init_cfg=None)
    for step in cfg.train_dataloader.dataset.pipeline:
        if step.type == 'Resize':
            step.update(scale=(32, 32), keep_ratio=False)
    set_data(cfg, str(mafw), fold=1)
    dataset, model = DATASETS.build(cfg.train_dataloader.dataset), MODELS.build(cfg.model)
    assert len(dataset) == 40 and left_out_of(dataset) == dict(caption=4)
    losses = model.train_step(pseudo_collate([dataset[index] for index in (0, 1, 2)]), Steps(model))
    assert torch.isfinite(losses['loss_contrast']) and losses['loss_contrast'] > 0


class Steps:
    """An optimizer's wrapper that counts on gradients alone."""

    def __init__(self, model):
        self.model = model

    def optim_context(self, model):
        return nullcontext()

    def update_params(self, loss):
        loss.backward()
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        assert trained and any(parameter.grad is not None and parameter.grad.any() for parameter in trained)
