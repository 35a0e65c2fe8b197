"""--class-texts FILE, and class descriptions in EmoCLIP's form: one text a class that fits CLIP's context."""
import json

import pytest
import torch

from mmdfer.apis import options
from mmdfer.apis.commands import test as command
from mmdfer.config_rows import find_row
from mmdfer.datasets import class_names
from mmdfer.run_config import load_config
from mmdfer.run_texts import set_class_texts
from mmdfer.text import class_texts, tokenize
from mmdfer.weights.clip import load_clip_text

from .clip_models import open_clip_model

FORM = ['An expression of {}.']


@pytest.mark.parametrize('dataset', ['dfew', 'mafw', 'mafw_compound'])
def test_a_class_has_one_description_that_fits_clips_context(dataset):
    texts = class_texts(dataset, 'class_description', FORM)
    assert {len(of) for of in texts} == {1} and len({of[0] for of in texts}) == len(class_names(dataset))
    tokenize([of[0] for of in texts], 77)                       # none is cut: a text that is too long is refused


def test_compounds_are_described_by_their_parts():
    single = dict(zip(class_names('mafw'), class_texts('mafw', 'class_description')))
    compound = dict(zip(class_names('mafw_compound'), class_texts('mafw_compound', 'class_description')))
    assert compound['fear_surprise'] == [f'{single["fear"][0]} and {single["surprise"][0]}']


def test_a_files_texts_stand_whole_whatever_the_configs_templates(tmp_path):
    told = {name: f'They look {name} to me.' for name in class_names('dfew')}
    file = tmp_path / 'texts.json'
    file.write_text(json.dumps(told))
    for name in ('zero_shot_clip_vitb16_dfew', 'pe_clip/descriptions', 'finecliper_zeroshot/mafw_to_dfew'):
        cfg = load_config(name)
        set_class_texts(cfg, str(file))
        assert class_texts(**cfg.model.cls_head.texts) == [[told[name]] for name in class_names('dfew')]
    mafw = load_config('zero_shot_clip_vitb16_mafw')
    with pytest.raises(ValueError, match='texts.json: lacks contempt'):
        set_class_texts(mafw, str(file))
    with pytest.raises(ValueError, match='--class-texts .*texts.json: the head has negative texts'):
        set_class_texts(load_config('finecliper/base'), str(file))
    with pytest.raises(ValueError, match='--class-texts .*: a head of type LinearVideoHead tells its classes'):
        set_class_texts(load_config('fe_adapter_vitb_dfew'), str(file))
    with pytest.raises(ValueError, match='none.yaml: cannot be read'):
        set_class_texts(load_config('zero_shot_clip_vitb16_dfew'), str(tmp_path / 'none.yaml'))


def test_the_option_reaches_the_run(tmp_path):
    import argparse
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    (tmp_path / 'texts.yaml').write_text('\n'.join(f'{name}: a {name} face' for name in class_names('dfew')))
    args = parser.parse_args(['zero_shot_clip_vitb16_dfew', '--class-texts', str(tmp_path / 'texts.yaml')])
    assert options.model_config(args).model.cls_head.texts.file == str(tmp_path / 'texts.yaml')


def test_clips_two_sizes_and_farls_file_are_rows_of_their_own(tmp_path):
    b32, b16, farl = (load_config(f'finecliper_zeroshot/{row}@mafw') for row in ('clip_b32', 'clip_b16', 'farl_b16'))
    assert (b32.model.backbone.patch_size, b16.model.backbone.patch_size) == (32, 16) and b16.model == farl.model
    assert [cfg.image_set for cfg in (b32, b16, farl)] == ['clip_vitb32', 'clip_vitb16', 'farl_vitb16']
    assert find_row('finecliper_zeroshot/farl_b16@ferv39k')[0].base('ferv39k') == 'zero_shot_clip_vitb16_ferv39k'


def test_a_file_as_farls_loads_as_clips_does(tmp_path):
    """FaRL's is a dict with CLIP's tensors under state_dict."""
    from mmengine.registry import init_default_scope

    from mmdfer.registry import MODELS
    init_default_scope('mmaction')
    state = open_clip_model().state_dict()
    torch.save(dict(state_dict=state), tmp_path / 'farl.pth')
    torch.save(state, tmp_path / 'clip.pt')
    found = []
    for name in ('farl.pth', 'clip.pt'):
        tower = MODELS.build(dict(type='CLIPTextEncoder', arch=dict(
            embed_dims=64, num_layers=3, num_heads=1, feedforward_channels=256, proj_dim=32)))
        load_clip_text(tower, str(tmp_path / name))
        found.append(tower.eval().encode_text(tokenize(['a face'], 77)))
    assert torch.equal(*found)
