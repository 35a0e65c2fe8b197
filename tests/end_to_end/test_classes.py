"""A run's classes go from its data into its files, and from there to data in another order and to inference."""
from itertools import count

import pytest
import torch
from safetensors import safe_open

from mmdfer.apis import running
from mmdfer.apis.inference import DFERInferencer
from mmdfer.datasets import class_names
from mmdfer.run_config import load_config
from mmdfer.weights import CheckpointError, classes_of_file, read_checkpoint

from ..conftest import ROOT, write_dfew

pytestmark = pytest.mark.usefixtures('unpainted')
DFEW = class_names('dfew')
OTHER = ('fear', 'angry', 'happy', 'disgust', 'sad', 'surprise', 'neutral')
_numbers = count()


def config(place, name='own', dataset=None, **options):
    """The demo's second stage with an adapter, for one epoch, on DFEW or on another set for all loaders."""
    cfg = load_config(ROOT / 'configs/demo/temporal_aggregation.py', {
        'model.backbone.init_cfg': dict(type='Pretrained', checkpoint=str(place / 'vit.pth')),
        'train_cfg.max_epochs': 1,
        'model.backbone.adapters': [dict(type='FEAdapter', slot='before_attn', width=4)]})
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[loader].update(batch_size=4, num_workers=0, persistent_workers=False)
        cfg[loader].dataset.data_root = str(place / 'DFEW')
        if dataset is not None:
            pipeline = cfg[loader].dataset.pipeline
            cfg[loader].dataset = dict(dataset, pipeline=pipeline, test_mode=loader != 'train_dataloader')
    cfg.merge_from_dict(options)
    cfg.work_dir, cfg.experiment_name = str(place / name), f'classes{next(_numbers)}'
    cfg.vis_backends = cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    cfg.visualizer.name = cfg.experiment_name
    return cfg


def folders(place, classes):
    return dict(type='VideoFolderDataset', data_root=str(place / 'by_class'), split='test',
                metainfo=dict(classes=list(classes)))


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A finished run on DFEW, and its test clips once more in folders of their classes."""
    place = tmp_path_factory.mktemp('classes')
    from mmengine.registry import init_default_scope

    from mmdfer.registry import MODELS
    init_default_scope('mmaction')
    write_dfew(place / 'DFEW', train=14, test=14, frames=8, folds=(1, ))
    for number in range(15, 29):
        folder = place / 'by_class/test' / DFEW[(number - 1) % 7]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{number:05d}').symlink_to(place / f'DFEW/Clip/clip_224x224/{number:05d}')
    torch.manual_seed(0)
    tower = load_config(ROOT / 'configs/demo/temporal_aggregation.py').model.backbone
    backbone = MODELS.build(dict(tower, init_cfg=None))
    torch.save(backbone.state_dict(), place / 'vit.pth')
    running.train(config(place))
    return place


def test_files_know_their_classes(place):
    for name in ('epoch_1.pth', 'last.safetensors', 'best.safetensors'):
        assert classes_of_file(read_checkpoint(place / 'own' / name)['meta']) == DFEW
    with safe_open(place / 'own/last.safetensors', 'pt') as file:
        assert 'cls_head.fc.weight' in file.keys()


@pytest.mark.parametrize('name', ['epoch_1.pth', 'last.safetensors'])
def test_data_in_another_order_give_the_same_figures(place, name, tmp_path):
    found = []
    for dataset in (None, folders(place, OTHER)):
        metrics = running.test(config(place, 'tests', dataset), str(place / 'own' / name), str(tmp_path))
        found.append({key: value for key, value in metrics.items() if 'recall' in key or key in ('uar', 'war')})
    assert found[0] == found[1] and len(found[0]) == 9


def test_inference_speaks_in_the_order_of_its_config(place):
    clip, files = str(place / 'DFEW/Clip/clip_224x224/00015'), str(place / 'own/last.safetensors')
    own = DFERInferencer(config(place), files, 'cpu')(clip, region='frame')
    other = DFERInferencer(config(place, dataset=folders(place, OTHER)), files, 'cpu')(clip, region='frame')
    assert (tuple(own['classes']), tuple(other['classes'])) == (DFEW, OTHER)
    assert own['clip']['label'] == other['clip']['label']
    first, second = (dict(zip(one['classes'], one['clip']['probabilities'], strict=True)) for one in (own, other))
    assert first == pytest.approx(second)


def test_inference_takes_the_checkpoints_classes_where_the_config_names_none(place):
    cfg = config(place, dataset=dict(type='VideoFolderDataset', data_root='/no/such/place', split='test'))
    cfg.pop('run_classes')
    cfg.model.cls_head.num_classes = None
    inferencer = DFERInferencer(cfg, str(place / 'own/epoch_1.pth'), 'cpu')
    assert inferencer.classes == DFEW and cfg.model.cls_head.num_classes == 7


def test_training_goes_on_from_another_order_by_name(place):
    runner = running.build_runner(config(place, 'on', folders(place, OTHER), load_from=str(place / 'own/epoch_1.pth')))
    runner.load_or_resume()
    theirs = read_checkpoint(place / 'own/epoch_1.pth')['state_dict']['cls_head.fc.weight']
    ours = runner.model.cls_head.fc.weight
    assert torch.equal(ours, theirs[[DFEW.index(name) for name in OTHER]]) and not torch.equal(ours, theirs)


def test_other_classes_begin_anew_only_on_request(place):
    names, own = [*DFEW[:6], 'contempt'], str(place / 'own/epoch_1.pth')
    runner = running.build_runner(config(place, 'more', folders(place, names), load_from=own))
    with pytest.raises(CheckpointError, match='classes happy, .*missing contempt; extra fear.*fresh_classes=True'):
        runner.load_or_resume()
    with pytest.raises(CheckpointError, match='missing contempt; extra fear'):
        running.test(config(place, 'more', folders(place, names)), own)
    runner = running.build_runner(config(place, 'more', folders(place, names), load_from=own, fresh_classes=True))
    before = runner.model.cls_head.fc.weight.clone()
    runner.load_or_resume()
    state = read_checkpoint(own)['state_dict']
    assert torch.equal(runner.model.cls_head.fc.weight, before)
    adapters = {name: tensor for name, tensor in runner.model.state_dict().items() if '.adapters.' in name}
    assert adapters and all(torch.equal(tensor, state[name]) for name, tensor in adapters.items())


def test_a_run_is_resumed_with_the_order_that_it_began_with(place):
    own = str(place / 'own/epoch_1.pth')
    runner = running.build_runner(config(place, 'resumed', folders(place, OTHER), load_from=own, resume=True))
    with pytest.raises(CheckpointError, match='a run is resumed with the data that it began with'):
        runner.load_or_resume()


def test_texts_in_another_order_than_the_data_do_not_run(place):
    """A model that was built past flow_classes, by a runner of one's own."""
    from mmengine.registry import MODELS

    from ..test_text.clip_models import TEXT
    cfg = config(place, 'texts')
    cfg.model.cls_head = dict(type='CLIPTextHead', num_classes=7, in_channels=96, projection=True,
                              texts=dict(classes=list(OTHER)), text_encoder=dict(type='CLIPTextEncoder', arch=TEXT))
    model = MODELS.build(cfg.model)
    runner = running.build_runner(cfg)
    runner.model = model
    with pytest.raises(ValueError, match='cls_head: its texts are of the classes fear, .*the same in another order'):
        runner.test()
