"""A run's settings: what they hold, that they are written once, and what they tell of a run that was resumed."""
import json

import pytest
from mmengine.config import Config

from mmdfer.runs.folder import RunFolder
from mmdfer.runs.report import write_report
from mmdfer.runs.settings import begin_settings, differences, digest_of, parse_config, read_settings, settings_of

from .fake_runs import fake_run

TEXT = '''
model = dict(type='M', sizes=(1, 2), adapters=[dict(type='A', width={width})])
train_dataloader = dict(batch_size=4, num_workers={workers}, dataset=dict(type='D', data_root='{root}', fold={fold}))
optim_wrapper = dict(optimizer=dict(lr=0.1))
default_hooks = dict(logger=dict(interval=5), views=dict(type='V'))
'''


def config(width=3, workers=1, root='/a', fold=1, more=''):
    return Config.fromstring(TEXT.format(width=width, workers=workers, root=root, fold=fold) + more, '.py')


def test_settings_are_what_decides_figures():
    found = settings_of(config())
    assert found == {'model.type': "'M'", 'model.sizes': '[1, 2]', 'model.adapters.0.type': "'A'",
                     'model.adapters.0.width': '3', 'train_dataloader.batch_size': '4',
                     'train_dataloader.dataset.type': "'D'", 'optim_wrapper.optimizer.lr': '0.1',
                     'default_hooks.views.type': "'V'"}
    assert settings_of(config(workers=9, root='/b', fold=2)) == found
    assert differences(settings_of(config(width=5)), found) == 'model.adapters.0.width is 3 there and 5 here'
    assert differences({}, found).endswith('; and 5 more') and differences(found, dict(found)) == ''


def test_digest_does_not_depend_on_the_order_of_entries():
    found = settings_of(config())
    assert digest_of(found) == digest_of(dict(reversed(found.items()))) != digest_of(dict(found, more='1'))
    assert digest_of(found) != digest_of(found, ['lr is 1 there and 2 here'])


def test_a_run_that_goes_on_with_its_settings_leaves_the_file_alone(tmp_path):
    assert begin_settings(tmp_path, config(), resumed=False) == ''
    written = (tmp_path / 'settings.json').read_bytes()
    assert begin_settings(tmp_path, config(workers=7), resumed=True) == ''
    assert (tmp_path / 'settings.json').read_bytes() == written


def test_a_run_that_goes_on_with_others_tells_so_for_good(tmp_path):
    begin_settings(tmp_path, config(), resumed=False)
    assert begin_settings(tmp_path, config(width=5), resumed=True) == 'model.adapters.0.width is 3 there and 5 here'
    begin_settings(tmp_path, config(width=5), resumed=True)
    found = read_settings(tmp_path)
    assert found.changes == ['model.adapters.0.width is 3 there and 5 here']
    assert found.entries['model.adapters.0.width'] == '5'
    begin_settings(tmp_path, config(), resumed=False)                              # a new run in the same folder
    assert read_settings(tmp_path).changes == []


def test_settings_of_runs_from_before_are_read(tmp_path):
    entries = settings_of(config())
    (tmp_path / 'settings.json').write_text(json.dumps(entries))
    assert read_settings(tmp_path).entries == entries and read_settings(tmp_path).text is None
    assert begin_settings(tmp_path, config(), resumed=True) == ''
    assert read_settings(tmp_path).entries == entries and 'M' in read_settings(tmp_path).text


def test_a_config_comes_back_from_its_text_as_it_was():
    cfg = config()
    cfg.merge_from_dict({'name': '{{fileBasename}} {{$HOME:x}}', 'custom_imports.imports': ['no_such_module']})
    assert parse_config(cfg.pretty_text).to_dict() == cfg.to_dict()


def test_a_result_of_other_settings_is_refused(tmp_path):
    fake_run(tmp_path / 'run')
    begin_settings(tmp_path / 'run', config(), resumed=False)
    with pytest.raises(ValueError, match='settings.json is not of the run that wrote result.json'):
        RunFolder(tmp_path / 'run').settings


def test_a_report_tells_that_a_run_was_resumed_with_other_settings(tmp_path, monkeypatch):
    monkeypatch.setattr('mmdfer.runs.report.draw_pictures', lambda report, curves: {})
    run = tmp_path / 'run'
    fake_run(run)
    cfg = parse_config(read_settings(run).text)
    cfg.optim_wrapper.optimizer.lr = 0.7
    begin_settings(run, cfg, resumed=True)
    result = json.loads((run / 'result.json').read_text())
    (run / 'result.json').write_text(json.dumps(dict(result, settings=read_settings(run).digest)))
    told = ('Fold 1 went on with other settings than it began with: optim_wrapper.optimizer.lr is 0.0005 there and 0.7 '
            'here.')
    assert write_report(str(run))['notes'] == [told]
    assert told in (run / 'report.html').read_text()
