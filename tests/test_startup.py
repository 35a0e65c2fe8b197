"""What starts cost is done once or not at all, and gives what it gave."""
import sys
from types import SimpleNamespace

from mmengine.config import Config, config as config_module

from mmdfer import startup

from .test_compat import run_python


def test_a_configs_text_is_formatted_once_and_stays_the_same(monkeypatch):
    plain, calls = config_module.FormatCode.__wrapped__, []

    def counted(text, **kwargs):
        calls.append(text)
        return plain(text, **kwargs)

    monkeypatch.setattr(config_module, 'FormatCode', counted)
    assert startup.format_configs_once()
    assert not startup.format_configs_once()
    cfg, other = Config(dict(a=1, b=[dict(c='x' * 90, d=2)] * 3)), Config(dict(a=2))
    texts = [cfg.pretty_text, other.pretty_text, cfg.pretty_text, other.pretty_text]
    assert len(calls) == 2 and texts[:2] == texts[2:]
    monkeypatch.setattr(config_module, 'FormatCode', plain)
    assert [cfg.pretty_text, other.pretty_text] == texts[:2]
    monkeypatch.setattr(config_module, 'FormatCode', counted)
    startup.format_configs_once()
    cfg.a = 3
    assert 'a = 3' in cfg.pretty_text and len(calls) == 3


def test_what_is_seldom_used_is_loaded_when_it_is_and_left_alone_where_it_is(monkeypatch):
    out = run_python('''
        import sys
        import mmdfer
        import mmaction.datasets, mmaction.models
        print([name in sys.modules for name in ('nltk', 'sklearn', 'scipy.stats', 'transformers.modeling_utils')])
        from mmaction.datasets import charades_sta_dataset as module
        print(module.nltk_imported, callable(module.nltk.word_tokenize), 'nltk' in sys.modules)
        from mmaction.datasets.transforms.pose_transforms import mode
        print(mode([3, 1, 3, 2]).mode.item(), 'scipy.stats' in sys.modules)
    ''')
    assert out.split('\n') == ['[False, False, False, False]', 'True True True', '3 True']
    monkeypatch.setitem(sys.modules, 'nltk', SimpleNamespace())
    assert not startup.put_off_nltk(None, lambda: None)
