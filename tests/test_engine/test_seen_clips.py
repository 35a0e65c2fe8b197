"""A model is tested on no clip that it was trained on, unless the user says so; then every result tells it."""
import copy
import json
import shutil

import pytest
import torch

from mmdfer.apis.running import test as run_test, train
from mmdfer.datasets import DatasetError
from mmdfer.registry import DATASETS
from mmdfer.run_config import LOADERS, allow_seen_clips, load_config, set_data, set_inner
from mmdfer.runs.report import write_report
from mmdfer.runs.settings import settings_of
from mmdfer.runs.summary import summarize
from mmdfer.trained_on import TrainedOn
from mmdfer.weights import CheckpointError, read_checkpoint

from ..conftest import ROOT, write_dfew

pytestmark = pytest.mark.slow
SMALL = {
    'model.backbone.arch': dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48),
    'model.backbone.init_cfg': None, 'model.cls_head.in_channels': 24, 'train_cfg.max_epochs': 1,
    'train_cfg.val_interval': 1, **{f'{loader}.{key}': value for loader in LOADERS for key, value in (
        ('num_workers', 0), ('persistent_workers', False), ('batch_size', 8))}}


@pytest.fixture(scope='module', autouse=True)
def no_pictures():
    """Drawing takes longer than these runs do."""
    with pytest.MonkeyPatch.context() as patch:
        for place in ('apis.running._draw', 'apis.running._draw_confusion', 'runs.summary.plot_curves'):
            patch.setattr(f'mmdfer.{place}', lambda *args, **kwargs: None)
        patch.setattr('mmdfer.runs.report.draw_pictures', lambda *args, **kwargs: {})
        patch.setattr('mmdfer.runs.summary.draw_curves', lambda curves: None)
        patch.setattr('mmengine.runner.runner.collect_env', dict)
        yield


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Two folds of 14 clips; the 7 test clips of either are trained on in the other."""
    return write_dfew(tmp_path_factory.mktemp('seen') / 'DFEW', train=7, test=7, size=32, frames=4)


def config(data, work_dir, fold=1, **changes):
    cfg = load_config(ROOT / 'configs/demo/fe_adapter.py', dict(SMALL, **changes))
    set_data(cfg, str(data), fold)
    cfg.work_dir = str(work_dir)
    return cfg


@pytest.fixture(scope='module')
def trained(data, tmp_path_factory):
    """A run of fold 1."""
    folder = tmp_path_factory.mktemp('runs') / 'fold_1'
    train(config(data, folder))
    return folder


def metrics(folder):
    return json.loads((folder / 'metrics.json').read_text())


@pytest.mark.parametrize('file', ['best.pth', 'last.safetensors'])
def test_another_fold_is_refused_or_marked(data, trained, tmp_path, file):
    meta = read_checkpoint(trained / file)['meta']
    assert str(TrainedOn.from_meta(meta, file)) == 'demo, fold 1, train: 7 clips'
    cfg = config(data, tmp_path, fold=2)
    if file.endswith('.safetensors'):
        cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=_tower(trained, tmp_path))
    told = rf'{file} was trained on 7 of the 7 test clips of .*set_2.csv \(demo, fold 2, test\), .* say --allow-seen'
    with pytest.raises(DatasetError, match=told) as caught:
        run_test(cfg, str(trained / file), str(tmp_path / 'refused'))
    assert '\n' not in str(caught.value) and not (tmp_path / 'refused' / 'metrics.json').exists()
    cfg.allow_seen = True
    run_test(cfg, str(trained / file), str(tmp_path / 'allowed'))
    assert metrics(tmp_path / 'allowed')['seen_clips'] == 7
    assert metrics(tmp_path / 'allowed')['trained_on'] == 'demo, fold 1, train: 7 clips'


def _tower(trained, folder):
    """The frozen tower of a run, as a file for ``--image-checkpoint``."""
    state = read_checkpoint(trained / 'best.pth')['state_dict']
    tower = {name.removeprefix('backbone.'): tensor for name, tensor in state.items()
             if name.startswith('backbone.') and 'adapters' not in name}
    torch.save(tower, folder / 'tower.pth')
    return str(folder / 'tower.pth')


def test_the_own_fold_is_tested_and_says_what_it_was_trained_on(data, trained, tmp_path):
    run_test(config(data, tmp_path), str(trained / 'best.pth'), str(tmp_path))
    assert metrics(tmp_path)['seen_clips'] == 0
    result = json.loads((trained / 'result.json').read_text())
    assert (result['trained_on'], result['seen_clips']) == ('demo, fold 1, train: 7 clips', 0)


@pytest.fixture
def older(trained, tmp_path):
    """The run's checkpoint, as versions before wrote it."""
    checkpoint = torch.load(trained / 'best.pth', weights_only=False)
    del checkpoint['meta']['trained_on']
    torch.save(checkpoint, tmp_path / 'older.pth')
    return tmp_path / 'older.pth'


def test_a_file_that_does_not_know_is_warned_of(data, older, tmp_path):
    run_test(config(data, tmp_path, fold=2), str(older), str(tmp_path / 'out'))
    found = metrics(tmp_path / 'out')
    assert found['trained_on'] == 'unknown' and found['seen_clips'] is None
    log, = tmp_path.glob('out/*/*.log')
    assert 'older.pth: does not say which clips it was trained on' in log.read_text()


def test_a_file_that_contradicts_itself_is_refused(data, trained, tmp_path):
    checkpoint = torch.load(trained / 'best.pth', weights_only=False)
    checkpoint['meta']['trained_on']['clips'] = 3
    torch.save(checkpoint, tmp_path / 'odd.pth')
    with pytest.raises(CheckpointError, match='odd.pth: what it says of the clips .* cannot be read'):
        run_test(config(data, tmp_path), str(tmp_path / 'odd.pth'), str(tmp_path / 'out'))


def test_what_a_training_begins_with_stays_known(data, trained, tmp_path):
    """Weights of fold 1 trained on in fold 2 have seen the test clips of both."""
    cfg = config(data, tmp_path, fold=2, load_from=str(trained / 'best.pth'))
    with pytest.raises(DatasetError, match=r'best.pth was trained on 7 of the 7 validation clips of .*set_2.csv'):
        train(copy.deepcopy(cfg))
    assert not list(tmp_path.glob('*.pth'))
    cfg.allow_seen = True
    result = train(cfg)
    assert result['trained_on'] == 'demo, fold 1, train: 7 clips; demo, fold 2, train: 7 clips'
    assert result['seen_clips'] == 7
    with pytest.raises(DatasetError, match='epoch_1.pth was trained on 7 of the 7 test clips'):
        run_test(config(data, tmp_path / 'test'), str(tmp_path / 'epoch_1.pth'))
    _tables_tell(tmp_path)


def _tables_tell(folder):
    told = '7 test clips trained on'
    write_report(str(folder), mistakes=0)
    summarize([str(folder)], str(folder / 'all.json'), latex=str(folder / 'all.tex'))
    for name in ('report.md', 'report.html', 'all.md', 'all.html', 'all.tex'):
        assert told in (folder / name).read_text(), name
    assert 'was trained on 7 of the clips that it is tested on' in (folder / 'report.md').read_text()
    assert json.loads((folder / 'all.json').read_text())[0]['seen_clips'] == 7


def test_a_run_that_goes_on_keeps_what_it_had_seen(data, trained, tmp_path):
    folder = tmp_path / 'run'
    shutil.copytree(trained, folder, symlinks=True)
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    cfg = config(data, folder, **{'train_cfg.max_epochs': 2})
    cfg.resume = True
    train(cfg)
    meta = read_checkpoint(folder / 'epoch_2.pth')['meta']
    assert str(TrainedOn.from_meta(meta, 'file')) == 'demo, fold 1, train: 7 clips'


def official(root):
    return (root / f'EmoLabel_DataSplit/{split}(single-labeled)/set_1.csv' for split in ('train', 'test'))


@pytest.mark.parametrize('inner', [False, True])
def test_a_training_list_that_holds_test_clips_is_refused_at_the_start(data, tmp_path, inner):
    train_list, test_list = official(data)
    mine = tmp_path / 'mine.csv'
    mine.write_text(train_list.read_text() + '\n'.join(test_list.read_text().splitlines()[1:4]))
    cfg = config(data, tmp_path / 'run', **{'train_dataloader.dataset.ann_file': str(mine)})
    if inner:
        set_inner(cfg, 0.1)
    what = 'test' if inner else 'validation'
    told = rf'mine.csv, which is trained on, holds 3 of the 7 {what} clips of .*set_1.csv \(demo, fold 1, test\)'
    with pytest.raises(DatasetError, match=told):
        train(cfg)
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_an_official_list_that_leaks_is_refused_unless_it_is_allowed(data, tmp_path):
    root = tmp_path / 'DFEW'
    shutil.copytree(data, root)
    train_list, test_list = official(root)
    train_list.write_text(train_list.read_text() + test_list.read_text().splitlines()[1])
    with pytest.raises(DatasetError, match='1 test clips are also in .*set_1.csv .* say --allow-seen'):
        train(config(root, tmp_path / 'run'))
    cfg = config(root, tmp_path / 'run', allow_seen=True)
    allow_seen_clips(cfg)
    assert len(DATASETS.build(cfg.val_dataloader.dataset)) == 7
    assert settings_of(cfg) == dict(settings_of(config(root, tmp_path)), allow_seen='True')
