"""FineCLIPER's configs: the paper's tunable counts, rows that differ as they say, and zero-shot pairs that fit."""
import pytest
import torch

from mmdfer.apis.counting import count_config
from mmdfer.apis.running import load_into
from mmdfer.config_rows import find_row, read_rows, row_files, row_names
from mmdfer.datasets import class_names
from mmdfer.labels import find_emotion
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.run_towers import towers
from mmdfer.runs.published import paper_row

ROWS = {row.row: row for row in read_rows(row_files()['finecliper']).rows}
UNTRAINED = ('clip_b32', 'clip_b16', 'farl_b16', 'clip_b32_descriptions', 'clip_b16_descriptions')
ZERO_SHOT = [row for row in row_names() if row.startswith('finecliper_zeroshot/')
             and row.partition('/')[2] not in UNTRAINED and '/emoclip' not in row]              # another model
PAPER = {'base': 13, 'parsing_landmarks': 19, 'captions': 14, 'all': 20}            # M


def tunable(row):
    """What a row tells, which test_every_config.py holds against its model."""
    return ROWS[row].tunable


def bottleneck(dim, width, count, layers=12):
    """Tunable parameters of that many bottleneck adapters a layer."""
    return layers * count * (2 * dim * width + width + dim)


@pytest.mark.parametrize('name, millions', [
    ('base', 13.4), ('parsing_landmarks', 18.8), ('captions', 14.2), ('all', 19.6)])
def test_tunable_counts_are_near_the_papers(name, millions):
    """Video 3 adapters of width 128, P and N two each of 128, maps 3 of 96 for both kinds, captions one of 64."""
    base = bottleneck(768, 128, 3) + 2 * bottleneck(512, 128, 2) + 16 * 768        # the embedding of 16 frames
    maps = (bottleneck(768, 96, 3) + 16 * 768) * ('landmarks' in name or 'all' in name)
    captions = bottleneck(512, 64, 1) * ('captions' in name or 'all' in name)
    found = tunable(name)
    assert found == base + maps + captions
    assert found / 1e6 == pytest.approx(millions, abs=0.3)
    assert found / 1e6 == pytest.approx(PAPER[name], abs=0.5)


def test_one_kind_of_maps_costs_what_both_do():
    assert tunable('parsing') == tunable('landmarks') == tunable('parsing_landmarks')


@pytest.mark.parametrize('name, video, positive, negative', [
    ('adapters_none', 0, 0, 0), ('adapters_positive', 0, 1, 0), ('adapters_positive_negative', 0, 1, 1),
    ('adapters_video', 1, 0, 0), ('adapters_all', 1, 1, 1), ('scale_0_3', 1, 1, 1), ('positive_alone', 1, 1, 0)])
def test_adapters_lie_where_the_row_says(name, video, positive, negative):
    text = bottleneck(512, 128, 2)
    assert tunable(name) == 16 * 768 + video * bottleneck(768, 128, 3) + (positive + negative) * text


@pytest.mark.parametrize('scale', [0.3, 0.5, 0.7])
def test_scale_rows_differ_in_the_scale_alone(scale):
    row, base = (load_config(f'finecliper/{name}') for name in (f'scale_{str(scale).replace(".", "_")}', 'base'))
    assert row.model.backbone.adapters.mlp.pop('scale') == scale
    base.model.backbone.adapters.mlp.pop('scale')
    assert row._cfg_dict == base._cfg_dict


@pytest.mark.parametrize('name, word', [('negative_no', ' no {}'), ('negative_less', ' less {}')])
def test_negative_wording(name, word):
    template, = load_config(f'finecliper/{name}').model.cls_head.negative_texts.templates
    assert template == f'A person with an expression of{word}.'


@pytest.mark.parametrize('row', ZERO_SHOT)
def test_zero_shot_configs_speak_of_their_set_and_fit_each_other(row):
    source, _, target = row.removeprefix('finecliper_zeroshot/').partition('_to_')
    cfg = load_config(row)
    spoken = target or source.removesuffix('_own')
    assert tuple(cfg.model.cls_head.texts.classes) == class_names(spoken)
    assert cfg.model.cls_head.num_classes == len(class_names(spoken))
    assert cfg.test_dataloader.dataset.type.lower() == f'{spoken}dataset'
    if target:
        trained = load_config(f'finecliper_zeroshot/{source}')
        assert find_row(row)[0].of == source and 'beside_frames' not in cfg
        assert 'LoadCaption' in {step['type'] for step in trained.train_dataloader.dataset.pipeline}
        assert 'LoadCaption' not in {step['type'] for step in cfg.test_pipeline}
        assert list(towers(cfg.model)) == list(towers(trained.model)), 'the same towers'
        published = paper_row(cfg.filename.removesuffix('.py'), target)
        assert (published is None) == (target == 'mafw' != source.removesuffix('_own'))
        assert published is None or published['war'] > 0.4
    assert cfg.model.cls_head.text_encoder.context_length == 248
    assert cfg.train_dataloader.dataset.get('captions', False) == (row == 'finecliper_zeroshot/mafw_own')


def test_zero_shot_tunes_the_video_encoder_and_the_captions():
    report = count_config(load_config('finecliper_zeroshot_vitb16_mafw'))
    assert report['tunable'] == bottleneck(768, 128, 3) + 16 * 768 + bottleneck(512, 64, 1)


def test_what_was_trained_on_mafw_loads_for_dfew(tmp_path):
    """The class texts are of the config, not of the checkpoint: 11 classes in one, 7 in the other."""
    small = dict(embed_dims=32, num_layers=1, num_heads=2, feedforward_channels=32)
    models = []
    for name in ('mafw', 'mafw_to_dfew'):
        cfg = load_config(f'finecliper_zeroshot/{name}')
        for tower in towers(cfg.model):
            is_text = tower.type == 'CLIPTextEncoder'
            tower.update(dict(arch=dict(small, proj_dim=32)) if is_text else dict(arch=small, img_size=32, proj_dim=32))
        models.append(MODELS.build(cfg.model))
    trained, target = models
    trained.init_weights()
    torch.save(dict(state_dict=trained.state_dict()), tmp_path / 'trained.pth')
    load_into(target, str(tmp_path / 'trained.pth'))
    clips = torch.randn(2, 1, 3, 16, 32, 32)
    with torch.no_grad():
        told, asked = (model.eval()(clips, stage='head') for model in (trained, target))
    assert told.shape == (2, 11) and asked.shape == (2, 7)
    places = [class_names('mafw').index(find_emotion(name).noun) for name in class_names('dfew')]
    torch.testing.assert_close(asked, told[:, places], rtol=1e-4, atol=1e-4)
