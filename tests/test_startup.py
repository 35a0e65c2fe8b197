"""What starts cost is done once or not at all, and gives what it gave."""
import sys
from types import SimpleNamespace

from mmengine.config import Config, config as config_module
from mmengine.runner import runner as runner_module

from mmdfer import config_layout, startup

from .fresh import fresh_python


def test_a_configs_text_is_laid_out_once_and_anew_when_it_changes(monkeypatch):
    calls = []

    def counted(text):
        calls.append(text)
        return config_layout.lay_out(text)

    monkeypatch.setattr(config_module, 'FormatCode', config_module.FormatCode.__wrapped__)
    monkeypatch.setattr(startup, 'lay_out', counted)
    assert startup.format_configs_once()
    assert not startup.format_configs_once()
    cfg, other = Config(dict(a=1, b=[dict(c='x' * 90, d=2)] * 3)), Config(dict(a=2))
    texts = [cfg.pretty_text, other.pretty_text, cfg.pretty_text, other.pretty_text]
    assert len(calls) == 2 and texts[:2] == texts[2:] and texts[1] == 'a = 2\n'
    cfg.a = 3
    assert 'a = 3' in cfg.pretty_text and len(calls) == 3


def test_the_machine_is_looked_at_once_and_what_a_runner_adds_is_its_own(monkeypatch):
    looks = []
    monkeypatch.setattr(runner_module, 'collect_env', lambda: looks.append(1) or dict(Python='3'))
    assert startup.look_at_the_machine_once() and not startup.look_at_the_machine_once()
    runner_module.collect_env()['seed'] = 1
    assert runner_module.collect_env() == dict(Python='3') and len(looks) == 1


def test_what_is_seldom_used_is_loaded_when_it_is_and_left_alone_where_it_is(monkeypatch):
    done = fresh_python('''
        import sys
        import mmdfer
        import mmaction.datasets, mmaction.models
        print([name in sys.modules for name in ('nltk', 'sklearn', 'scipy.stats', 'transformers.modeling_utils')])
        from mmaction.datasets import charades_sta_dataset as module
        print(module.nltk_imported, callable(module.nltk.word_tokenize), 'nltk' in sys.modules)
        from mmaction.datasets.transforms.pose_transforms import mode
        print(mode([3, 1, 3, 2]).mode.item(), 'scipy.stats' in sys.modules)
    ''')
    assert done.stdout.strip().split('\n') == ['[False, False, False, False]', 'True True True', '3 True']
    monkeypatch.setitem(sys.modules, 'nltk', SimpleNamespace())
    assert not startup.put_off_nltk(None, lambda: None)
