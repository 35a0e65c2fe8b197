"""What every neighbour's released file goes through, shown with a system made up here."""
import pytest
import torch

from mmdfer.apis.convert_release import convert_release
from mmdfer.apis.counting import build_shapes
from mmdfer.datasets import class_names
from mmdfer.run_config import load_config
from mmdfer.weights import CheckpointError, read_checkpoint
from mmdfer.weights.release import NUM_CLASSES, Release, bring
from mmdfer.weights.releases import RELEASES

CONFIG = 'fe_adapter_vitb_dfew'
RULES = ((r'head\.(.+)', r'cls_head.fc.\1'), (r'(.+)', r'backbone.\1'))


@pytest.fixture
def shapes():
    state = build_shapes(load_config(CONFIG).model).state_dict()
    names = {name: name.replace('cls_head.fc.', 'head.').removeprefix('backbone.') for name in state}
    return {names[name]: value.shape for name, value in state.items()}


@pytest.fixture
def convert(shapes, tmp_path, monkeypatch):
    """Convert a file of a system with FE-Adapter's tensors, all of them one value, changed as told."""
    def read(orders, *args, changed=(), **kwargs):
        def system(state, path):
            ours, unused = bring(state, RULES, path, 'made_up', [r'teacher\..*'])
            return Release(ours, {NUM_CLASSES: len(ours['cls_head.fc.weight'])}, CONFIG, unused=unused, whole=True,
                           sets=tuple(orders), orders=orders)

        monkeypatch.setitem(RELEASES, 'made_up', (system, 'head.weight'))
        monkeypatch.setattr('mmdfer.apis.convert_release.KINDS', ('made_up', ))
        state = {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()} | dict(changed)
        torch.save(dict(model={f'module.{name}': value for name, value in state.items() if value is not None}),
                   tmp_path / 'in.pth')
        return convert_release('made_up', tmp_path / 'in.pth', tmp_path / 'out.safetensors', True, *args, **kwargs)
    return read


def test_the_sets_order_is_the_releases_and_a_set_is_asked_for_where_orders_differ(convert, tmp_path):
    report = convert(dict(dfew='official', ferv39k='dfer_clip'), changed={'teacher.weight': torch.zeros(2)})
    assert '(1 that its computation leaves out are not)' in report and f'mmdfer test {CONFIG}' in report

    def classes():
        return tuple(read_checkpoint(tmp_path / 'out.safetensors')['meta']['classes'])

    assert classes() == tuple(class_names('dfew'))
    differing = dict(dfew='official', ferv39k='alphabetical')
    with pytest.raises(ValueError, match='7 classes of dfew and ferv39k in different orders; .*--dataset'):
        convert(differing)
    convert(differing, 'ferv39k')
    assert classes() == tuple(sorted(class_names('ferv39k')))
    with pytest.raises(ValueError, match=r'has 7 classes, and made_up was released on mafw \(11\)'):
        convert(dict(mafw='official'))


@pytest.mark.parametrize('changed, message', [
    ({'ln1.weight': torch.zeros(512)},
     r'backbone.ln1.weight is \(512,\), not \(768,\) in a made_up release of 7'),
    ({'ln1.weight': None}, 'backbone.ln1.weight is missing in'),
    ({'adapter.weight': torch.zeros(2)}, 'backbone.adapter.weight has no place in'),
    ({'head.weight': None}, r'no checkpoint of made_up is recognised .*head.weight is missing'),
])
def test_a_file_of_another_size_or_system_is_refused_by_a_tensors_name(convert, tmp_path, changed, message):
    with pytest.raises(CheckpointError, match=message):
        convert(dict(dfew='official'), changed=changed)
    assert not (tmp_path / 'out.safetensors').exists()


def test_a_name_that_no_rule_knows_and_one_of_anothers_place_are_refused():
    with pytest.raises(CheckpointError, match=r'f.pth: neck.weight \(2,\) is no tensor of made_up'):
        bring({'neck.weight': torch.zeros(2)}, RULES[:1], 'f.pth', 'made_up')
    with pytest.raises(CheckpointError, match='has the place of another tensor, backbone.a'):
        bring({'a': torch.zeros(1), 'b': torch.zeros(1)}, [('a|b', 'backbone.a')], 'f.pth', 'made_up')
