"""Adapters in configs: by name, left out by None, read from a list; old settings that change nothing; mistakes."""
import sys

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmdfer.adapters import Adapter
from mmdfer.backbones import AdapterBlock, named_adapters
from mmdfer.registry import MODELS

from .test_slots import TEXT, VISION, build, clips, features

FE = dict(type='FEAdapter', slot='before_attn', width=4)
BOTTLENECK = dict(type='BottleneckAdapter', width=4)


def names(model):
    return {name.split('.adapters.')[1].split('.')[0] for name, _ in model.named_parameters() if '.adapters.' in name}


def test_a_name_set_to_none_is_left_out():
    assert names(build('vision', dict(fe=FE, other=None))) == {'fe'}
    assert names(build('vision', dict(fe=None))) == set() == names(build('vision', None))


def test_lists_are_named_by_type_and_place():
    found = named_adapters([FE, dict(FE, width=8), dict(BOTTLENECK, type='mmdfer.BottleneckAdapter', slot='ffn_out')])
    assert list(found) == ['FEAdapter_before_attn', 'FEAdapter_before_attn_2', 'BottleneckAdapter_ffn_out']
    assert found['FEAdapter_before_attn_2'] == dict(FE, width=8)
    listed, named = (build('vision', adapters) for adapters in ([FE], dict(fe=FE)))
    assert names(listed) == {'FEAdapter_before_attn'}
    for ours, theirs in zip(listed.parameters(), named.parameters()):
        assert torch.equal(ours, theirs)


def test_one_key_of_a_config_changes_one_adapter(tmp_path):
    for stem, base, adapters in (('base', '', f'fe={FE!r}, ta=dict({BOTTLENECK!r}, slot="ffn_out")'),
                                 ('child', 'base.py', 'fe=dict(width=8), ta=None'),
                                 ('other', 'base.py', f'_delete_=True, st=dict({FE!r}, type="STAdapter")'),
                                 ('alone', '', f'_delete_=True, fe={FE!r}')):
        first = f'_base_ = {base!r}\n' if base else ''
        (tmp_path / f'{stem}.py').write_text(f'{first}model = dict(adapters=dict({adapters}))\n')
    adapters = {stem: named_adapters(Config.fromfile(tmp_path / f'{stem}.py').model.adapters)
                for stem in ('child', 'other', 'alone')}
    assert adapters['child'] == dict(fe=dict(FE, width=8))
    assert adapters['other'] == dict(st=dict(FE, type='STAdapter')) and adapters['alone'] == dict(fe=FE)
    cfg = Config.fromfile(tmp_path / 'base.py')
    cfg.merge_from_dict({'model.adapters.fe.slot': 'after_ffn'})
    assert named_adapters(cfg.model.adapters)['fe'] == dict(FE, slot='after_ffn')


IN_TURN = ('before_attn', 'attn_out', 'after_attn', 'before_ffn', 'ffn_out', 'after_ffn')


@pytest.mark.parametrize('slot, skip', [*((slot, True) for slot in IN_TURN), ('temporal_attn', False),
                                        ('parallel_ffn', False), ('parallel_block', False), ('attn_map', False)])
def test_a_skip_of_older_versions_is_read_where_it_changes_nothing(slot, skip):
    cfg = dict(BOTTLENECK, slot=slot, zero_init=False)
    ours, theirs = (build('vision', dict(a=one)) for one in (cfg, dict(cfg, skip=skip)))
    torch.testing.assert_close(features(theirs), features(ours), rtol=0, atol=0)


@pytest.mark.parametrize('slot, skip, message', [
    *((slot, False, f"adapter 'a': skip=False in {slot} is not possible") for slot in IN_TURN),
    ('temporal_attn', True, 'skip=True in temporal_attn is not possible.*takes that alone.*leave skip out'),
    ('parallel_ffn', True, 'skip=True in parallel_ffn'), ('attn_map', True, 'slot="attn_out" adds it'),
    ('attn_out', False, 'slot="attn_map" puts it in the place'),
])
def test_a_skip_that_no_slot_does_is_refused(slot, skip, message):
    with pytest.raises(ValueError, match=message):
        build('vision', dict(a=dict(BOTTLENECK, slot=slot, skip=skip)))


class Old(nn.Module):
    """As adapters were: gives back its input with what it adds."""

    def __init__(self, dim):
        super().__init__()

    def forward(self, x, grid):
        return x + 1


@pytest.mark.parametrize('adapters, message', [
    (dict(fe=dict(FE, slot='before_mlp')), "adapter 'fe': slot='before_mlp' is not a slot: did you mean 'before_"),
    (dict(fe=dict(FE, slot='parallel_blok')), "did you mean 'parallel_block'"),
    (dict(fe=dict(FE, type='FEAdaptor')), "'FEAdaptor' is not registered: did you mean 'FEAdapter'.*custom_imports"),
    (dict(fe=dict(FE, type='LinearVideoHead')), 'LinearVideoHead is no adapter: derive it from mmdfer.adapters.Adapt'),
    (dict(fe=dict(FE, type=Old)), 'is no adapter.*without the tokens themselves'),
    (dict(fe=dict(type='FEAdapter')), "adapter 'fe', a FEAdapter, has no slot"),
    ([dict(type='FEAdapter')], "adapter 'FEAdapter', a FEAdapter, has no slot"),
    (dict(fe=FE, **{'0': dict(width=8)}), r"adapters.0=.*a dict with a type.*the adapters here are fe, 0"),
    (dict(fe=4), 'adapters.fe=4'), ([FE, 4], 'adapters.adapter=4'),
    (dict(fe=dict(FE, blocks='2-9')), "'2-9' is outside the 2 blocks"),
    (dict(fe=dict(FE, blocks='al')), "cannot read 'al'; expected \"all\""),
    (dict(items=FE), 'adapters.items: an adapter\'s name'), ({'a.b': FE}, 'adapters.a.b: an adapter'),
    (dict(attn_out=FE), 'the name is that of a slot'),
])
def test_mistakes_are_named(adapters, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(VISION, adapters=adapters))


def test_adapters_of_patches_are_refused_in_a_tower_of_texts():
    message = 'sees patches alone, and CLIPTextEncoder has no patches.*BottleneckAdapter'
    for cfg in (FE, dict(FE, type='STAdapter'), dict(type='TemporalModelingAdapter', slot='ffn_out', reduction=3)):
        with pytest.raises(ValueError, match=message):
            MODELS.build(dict(TEXT, adapters=dict(a=cfg)))


def test_a_block_takes_no_two_adapters_of_one_name():
    block = AdapterBlock(24, 4, 48)
    adapter = MODELS.build(dict(BOTTLENECK, dim=24))
    assert isinstance(adapter, Adapter)
    block.add_adapter('attn_out', adapter, 'a')
    with pytest.raises(ValueError, match="adapter 'a': the block has one of this name already"):
        block.add_adapter('ffn_out', adapter, 'a')


OWN = '''
from torch import nn
from mmdfer.adapters import Adapter
from mmdfer.registry import MODELS


@MODELS.register_module()
class ShiftOfMine(Adapter):
    """Adds a learned vector to the patches of every frame."""

    tokens = 'patches'

    def __init__(self, dim, scale=1., zero_init=True):
        super().__init__(zero_init)
        self.scale, self.shift = scale, nn.Embedding(1, dim)
        self.init_weights()

    def zeroed(self):
        return self.shift.parameters()

    def forward(self, x, grid):
        return self.scale * self.shift.weight.expand_as(x)
'''


def test_an_adapter_of_ones_own_is_one_file(tmp_path, monkeypatch):
    """Slots, freezing, names and errors come with the class; nothing of the package is touched."""
    (tmp_path / 'own_adapters.py').write_text(OWN)
    (tmp_path / 'run.py').write_text(
        "custom_imports = dict(imports=['mmdfer', 'own_adapters'])\n"
        "mine = dict(type='ShiftOfMine', slot='after_attn', blocks=1, scale=2.)\n"
        f"model = dict({VISION!r}, adapters=dict(mine=mine))\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        model = MODELS.build(Config.fromfile(tmp_path / 'run.py').model)
        assert [name for name, parameter in model.named_parameters() if parameter.requires_grad] == [
            'layers.0.adapters.mine.shift.weight']
        plain = MODELS.build(VISION)
        plain.load_state_dict(model.state_dict(), strict=False)
        torch.testing.assert_close(model(clips()), plain(clips()), rtol=0, atol=0)
        model(clips()).square().sum().backward()
        assert model.layers[0].adapters['mine'].shift.weight.grad.abs().max() > 0
        with pytest.raises(ValueError, match="did you mean 'ShiftOfMine'"):
            MODELS.build(dict(VISION, adapters=dict(mine=dict(type='ShiftOfMin', slot='after_attn'))))
    finally:
        MODELS.module_dict.pop('ShiftOfMine', None)
        sys.modules.pop('own_adapters', None)
