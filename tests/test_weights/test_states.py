"""The weights are found in every wrapper, plain or averaged, and the log says which were taken."""
import pytest
import torch

from mmdfer.weights import CheckpointError, find_state_dict, load_from_local
from mmdfer.weights.states import AVERAGED, EMA_VARIABLE, PLAIN

STATE = dict(w=torch.tensor([1., 2.]), b=torch.tensor(3))
EMA = {name: value + 10 for name, value in STATE.items()}


def under(prefix, state=STATE):
    return {prefix + name: value for name, value in state.items()}


@pytest.fixture
def told(monkeypatch):
    monkeypatch.delenv(EMA_VARIABLE, raising=False)
    lines = []
    monkeypatch.setattr('mmdfer.weights.states.print_log', lambda line, **kwargs: lines.append(line))
    return lines


def same(found, expected):
    return found.keys() == expected.keys() and all(found[name] is expected[name] for name in expected)


@pytest.mark.parametrize('content', [
    STATE, dict(STATE, epoch=3), *({name: STATE} for name in PLAIN), dict(model=dict(state_dict=STATE)),
    dict(state_dict=dict(model=dict(module=STATE))), dict(model=dict(embed_dims=3), net=STATE), under('module.'),
    under('module.module.'), under('_orig_mod.'), under('module._orig_mod.'),
    dict(state_dict=under('module.'), epoch=3),
    dict(under('module.'), n_averaged=torch.tensor(5)),
])
def test_plain_weights_are_found_in_silence(told, content):
    assert same(find_state_dict(content, 'x.pth'), STATE)
    assert not told


def test_a_prefix_that_not_all_names_share_stays(told):
    state = dict(under('module.'), head=torch.zeros(1))
    assert same(find_state_dict(state, 'x.pth'), state)


@pytest.mark.parametrize('content', [*({name: EMA} for name in AVERAGED), dict(ema=dict(decay=.99, module=EMA)),
                                     dict(state_dict_ema=under('module.', EMA), epoch=torch.tensor(3)),
                                     under('model_ema.', EMA)])
def test_averages_alone_are_taken_and_told(told, content):
    assert same(find_state_dict(content, 'x.pth'), EMA)
    assert len(told) == 1 and told[0].startswith('x.pth: holds averaged (EMA) weights alone') and 'are taken' in told[0]


@pytest.mark.parametrize('content', [
    dict(state_dict=STATE, state_dict_ema=EMA), dict(model=STATE, model_ema=EMA), dict(STATE, ema=EMA),
    dict(STATE, **under('ema_model.', EMA)), dict(model=under('module.'), model_ema=under('module.', EMA))])
@pytest.mark.parametrize('ema', [False, True])
def test_of_both_the_plain_ones_are_taken_unless_the_averages_are_asked_for(told, monkeypatch, content, ema):
    monkeypatch.setenv(EMA_VARIABLE, '1' if ema else '0')
    assert same(find_state_dict(content, 'x.pth'), EMA if ema else STATE)
    taken = r'the averaged (EMA) weights' if ema else 'the plain weights'
    assert len(told) == 1 and told[0].startswith(f'x.pth: {taken} (') and 'are taken' in told[0]
    assert ema or '--ema' in told[0]


def test_asking_for_averages_that_are_not_there_warns_and_takes_the_plain_ones(told, monkeypatch):
    monkeypatch.setenv(EMA_VARIABLE, '1')
    assert same(find_state_dict(dict(state_dict=STATE), 'x.pth'), STATE)
    assert 'no averaged (EMA) weights' in told[0]


@pytest.mark.parametrize('ema', [False, True])
def test_of_mmengines_own_averages_its_state_dict_is_taken(told, monkeypatch, ema):
    """mmengine puts the averages into state_dict, and what training goes on from into ema_state_dict."""
    monkeypatch.setenv(EMA_VARIABLE, '1' if ema else '0')
    content = dict(state_dict=EMA, ema_state_dict=dict(under('module.'), steps=torch.tensor(3)), message_hub={})
    assert same(find_state_dict(content, 'x.pth'), EMA)


@pytest.mark.parametrize('content',
                         [{}, dict(epoch=3), dict(state_dict=dict(epoch=3)), dict(state_dict=[1]), {1: torch.ones(1)},
                                     dict(state_dict={}, model_ema={})])
def test_a_file_without_tensors_is_refused(told, content):
    with pytest.raises(CheckpointError, match='x.pth: holds no tensors .top-level keys'):
        find_state_dict(content, 'x.pth')


def test_mmengine_gets_the_weights_under_state_dict_and_the_rest_as_it_is(tmp_path, told, monkeypatch):
    whole = dict(state_dict=STATE, optimizer=dict(state={}), meta=dict(epoch=1))
    torch.save(whole, tmp_path / 'x.pth')
    read = load_from_local(str(tmp_path / 'x.pth'))
    assert read['optimizer'] == whole['optimizer'] and read['meta'] == whole['meta']
    torch.save(dict(model=under('module.'), model_ema=EMA, epoch=3), tmp_path / 'y.pth')
    for ema, expected in (('0', STATE), ('1', EMA)):
        monkeypatch.setenv(EMA_VARIABLE, ema)
        read = load_from_local(str(tmp_path / 'y.pth'))
        assert read['epoch'] == 3 and read['state_dict'].keys() == expected.keys()
        assert all(torch.equal(read['state_dict'][name], value) for name, value in expected.items())
