"""A config's text laid out says what it said, to Python itself, in lines that can be read."""
import random

import pytest
from mmengine.config import Config

from mmdfer.config_layout import INDENT, WIDTH, lay_out
from mmdfer.run_config import load_config

from .conftest import ROOT


def values(text):
    found = {}
    exec(text, dict(inf=float('inf')), found)
    return found


def drawn(rng, depth=0):
    """A value as configs have them."""
    kind = rng.randrange(6 if depth < 5 else 3)
    some = range(rng.randrange(4))
    match kind:
        case 0:
            return rng.choice(['it\'s', 'a "b"', 'ü\n', '/a/long/path' * rng.randrange(9), '#', '{x}', '\\'])
        case 1:
            return rng.choice([-1, 0.5, 1e-5, -3e30, float('inf'), float('-inf'), 10**12])
        case 2:
            return rng.choice([None, True, False])
        case 3:
            return [drawn(rng, depth + 1) for _ in some]
        case 4:
            return tuple(drawn(rng, depth + 1) for _ in some)
    keys = rng.choice([['a', 'b', 'type'], ['x y', 'b.c', '3d'], [1, 'b', 2.5]])
    return {keys[index]: drawn(rng, depth + 1) for index in some}


def test_any_values_come_back():
    rng = random.Random(0)
    for _ in range(300):
        cfg = {name: drawn(rng) for name in 'abc'}
        text = lay_out(''.join(f'{name} = {value!r}\n' for name, value in cfg.items()))
        assert values(text) == cfg
        assert lay_out(text) == text


@pytest.mark.parametrize('name', ['fe_adapter_vitb_dfew.py', 'finecliper_vitb16_mafw.py', 'neighbours/s2d_dfew.py'])
def test_a_config_of_ours_comes_back_in_lines(name):
    cfg = load_config(ROOT / 'configs' / name)
    text = cfg.pretty_text
    assert Config.fromstring(text, '.py').to_dict() == cfg.to_dict()
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= WIDTH and len(lines) > 100
    assert all((len(line) - len(line.lstrip())) % INDENT == 0 for line in lines)


def test_how_it_looks():
    assert lay_out(f'a=dict(b=[1,(2,),()],\n c={"x" * 60!r},d={{1:2}})\nb=(3)') == f'''\
a = dict(
    b=[1, (2,), ()],
    c='{"x" * 60}',
    d={{1: 2}})
b = 3
'''


def test_what_is_no_python_is_an_error():
    with pytest.raises(SyntaxError):
        lay_out('a = <object>')
    with pytest.raises(SyntaxError, match='Failed to format the config file'):
        Config(dict(a=object())).pretty_text
