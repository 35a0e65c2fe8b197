"""A user's mistake ends in one line; options reach every data set of a config."""
import pytest

from mmdfer.apis.cli import run_tool
from mmdfer.datasets import BadClipError
from mmdfer.run_config import current_fold, dataset_configs, load_config, set_data, set_inner, set_work_dir
from mmdfer.run_towers import set_image_checkpoint
from mmdfer.video.sources import find_sources

from ..conftest import ROOT, write_clip


def ending(error, capsys, monkeypatch):
    monkeypatch.delenv('MMDFER_TRACEBACK', raising=False)

    def main():
        raise error
    with pytest.raises(SystemExit) as stopped:
        run_tool(main)
    assert stopped.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize('error, printed', [
    (ValueError('a\n  b'), 'error: a b\n'),
    (BadClipError('Caught BadClipError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n'
                  '  File "x.py", line 1\nmmdfer.datasets.errors.BadClipError: c/1.jpg: is cut short\n'),
     'error: c/1.jpg: is cut short\n'),
    (KeyError('Nope is not in the mmaction::model registry.'), 'error: Nope is not in the mmaction::model registry.\n'),
])
def test_mistakes_are_one_line(error, printed, capsys, monkeypatch):
    assert ending(error, capsys, monkeypatch) == printed


def test_a_fault_of_ours_keeps_its_traceback():
    for error in (KeyError('x'), RuntimeError('y'), TypeError('z')):
        def main():
            raise error
        with pytest.raises(type(error)):
            run_tool(main)


def test_options_reach_every_data_set(tmp_path):
    cfg = load_config(ROOT / 'configs/fe_adapter_vitb_dfew.py')
    cfg.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=cfg.train_dataloader.dataset)
    set_data(cfg, str(tmp_path), 4, skip_bad_clips=True)
    found = list(dataset_configs(cfg))
    assert len(found) == 3 and all(one.data_root == str(tmp_path) and one.fold == 4 for one in found)
    assert all(one.get('skip_bad_clips', False) == (one.split == 'train') for one in found)
    assert current_fold(cfg) == 4
    set_work_dir(cfg, 'configs/fe_adapter_vitb_dfew.py')
    assert cfg.work_dir == 'work_dirs/fe_adapter_vitb_dfew/fold_4'


def test_a_validation_part_takes_the_place_of_the_test_set():
    cfg = load_config(ROOT / 'configs/fe_adapter_vitb_dfew.py')
    test = cfg.test_dataloader.to_dict()
    set_inner(cfg, 0.2)
    train, val = cfg.train_dataloader.dataset, cfg.val_dataloader.dataset
    assert (train.inner, val.inner, train.split, val.split) == ('train', 'val', 'train', 'train')
    assert train.inner_share == val.inner_share == 0.2 and val.test_mode and val.pipeline == cfg.test_pipeline
    assert cfg.test_dataloader.to_dict() == test and cfg.val_dataloader.sampler == test['sampler']
    with pytest.raises(ValueError,
                       match='--inner-val 0.2: wants one training set of clips to split; the config has RAFDB'):
        set_inner(load_config(ROOT / 'configs/image_fer/vitb_rafdb.py'), 0.2)


def test_config_mistakes(tmp_path):
    with pytest.raises(ValueError, match='nope.py: no such config'):
        load_config('nope.py')
    (tmp_path / 'bad.py').write_text('model = dict(\n')
    with pytest.raises(ValueError, match='bad.py: cannot be read'):
        load_config(tmp_path / 'bad.py')
    with pytest.raises(ValueError, match='num_classes=11, DFEWDataset has 7 classes .*set num_classes=7'):
        load_config(ROOT / 'configs/fe_adapter_vitb_dfew.py', {'model.cls_head.num_classes': 11})
    cfg = load_config(ROOT / 'configs/fe_adapter_vitb_dfew.py')
    with pytest.raises(ValueError, match="data_root='/no/such'"):
        set_data(cfg, '/no/such')


def test_an_image_checkpoint_goes_only_where_it_is_read(tmp_path):
    (tmp_path / 'vit.pth').touch()
    cfg = load_config(ROOT / 'configs/fe_adapter_vitb_dfew.py')
    set_image_checkpoint(cfg, str(tmp_path / 'vit.pth'))
    assert cfg.model.backbone.init_cfg == dict(type='Pretrained', checkpoint=str(tmp_path / 'vit.pth'))
    stock = load_config(ROOT / 'configs/baselines/r3d18_dfew.py')
    with pytest.raises(ValueError, match='type ResNet3d does not read one.*model.backbone.pretrained'):
        set_image_checkpoint(stock, str(tmp_path / 'vit.pth'))


def test_inputs(tmp_path):
    write_clip(tmp_path / 'frames', 2)
    (tmp_path / 'videos').mkdir()
    for name in ('b.MP4', 'a.avi', 'note.txt'):
        (tmp_path / 'videos' / name).touch()
    def paths(name):
        return [source.path for source in find_sources([str(tmp_path / name)])]
    assert paths('frames') == [str(tmp_path / 'frames')]
    assert paths('videos') == [str(tmp_path / 'videos' / name) for name in ('a.avi', 'b.MP4')]
    (tmp_path / 'empty').mkdir()
    for name in ('empty', 'missing'):
        with pytest.raises(BadClipError, match=name):
            paths(name)
