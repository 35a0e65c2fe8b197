"""Every config file loads and agrees with itself: head, texts, mixing and data have the same classes."""
import pytest

from mmdfer.run_config import LOADERS, dataset_classes, dataset_configs, flow_classes, load_config, towers
from mmdfer.runs.published import read_papers
from mmdfer.datasets import class_names
from mmdfer.registry import DATASETS, MODELS, TRANSFORMS
from mmdfer.text import class_texts, tokenize

from ..conftest import ROOT

CONFIGS = sorted(str(path.relative_to(ROOT / 'configs')) for path in (ROOT / 'configs').rglob('*.py')
                 if '_base_' not in path.parts and path.name != 'rows.py')
SETS = ('dfew', 'ferv39k', 'mafw', 'mafw_compound')


def load(name):
    return load_config(ROOT / 'configs' / name)


def walk(value):
    """All dicts in a config."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, (dict, list, tuple)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from walk(one)


def dataset_name(dataset):
    return getattr(DATASETS.get(dataset.type), 'METAINFO', {}).get('dataset')


@pytest.mark.parametrize('name', CONFIGS)
def test_classes_agree(name):
    cfg = load(name)
    assert flow_classes(cfg) == tuple(dataset_classes(next(dataset_configs(cfg))))
    head = cfg.model.get('cls_head') or cfg.model.head
    # mmpretrain's preprocessor has a number of its own, told by its data sets.
    mixed = {one.num_classes for one in walk(cfg.model.get('data_preprocessor', {}).get('blending') or {})
             if 'num_classes' in one}
    assert mixed <= {head.num_classes}
    assert set(map(dataset_name, dataset_configs(cfg))) == {dataset_name(next(dataset_configs(cfg)))}


@pytest.mark.parametrize('name', CONFIGS)
def test_the_model_and_the_steps_have_names_that_are_known(name):
    cfg = load(name)
    assert MODELS.get(cfg.model.type) is not None
    for loader in LOADERS:
        steps = [step for dataset in dataset_configs(cfg, (loader, )) for step in dataset.pipeline]
        assert steps or not cfg.get(loader)
        for step in steps:
            scope = f'{step._scope_}.' if '_scope_' in step else ''
            assert TRANSFORMS.get(scope + step.type) is not None, step.type


@pytest.mark.parametrize('name', CONFIGS)
def test_the_test_pipeline_stands_at_the_top(name):
    cfg = load(name)
    pipelines = [dataset.pipeline for dataset in dataset_configs(cfg, ('test_dataloader', ))]
    assert pipelines == [cfg.test_pipeline] and cfg.test_evaluator.type == 'RecallMetric'


WITH_TEXTS = [name for name in CONFIGS if 'texts' in load(name).model.get('cls_head', {})]


@pytest.mark.parametrize('name', WITH_TEXTS)
def test_texts_are_of_the_data_sets_classes_and_fit_the_context(name):
    cfg = load(name)
    head = cfg.model.cls_head
    names = [tuple(dataset_classes(dataset)) for dataset in dataset_configs(cfg)]
    assert set(names) == {tuple(head.texts.classes)} and 'dataset' not in head.texts
    others = [dict(head.texts, **head.negative_texts)] if head.get('negative_encoder') else []
    for texts in [head.texts, *others]:
        spoken = class_texts(**texts)
        assert len(spoken) == head.num_classes == len(names[0])
        room = head.text_encoder.get('context_length', 77)
        tokenize([text for of in spoken for text in of], room - (head.get('prompts') or {}).get('context', 0))


@pytest.mark.parametrize('name', WITH_TEXTS)
def test_towers_meet_in_one_space_and_frames_are_normalised_as_clips(name):
    model = load(name).model
    if 'demo' in name:
        width = model.backbone.get('proj_dim') or model.backbone.arch.embed_dims
        assert width == model.cls_head.text_encoder.arch.proj_dim
        return
    assert {tower.proj_dim for tower in towers(model) if tower.type == 'AdapterViT'} == {512}
    if 'frames_0_to_1' not in name:
        assert model.data_preprocessor.mean == [122.771, 116.746, 104.094]


@pytest.mark.parametrize('name', CONFIGS)
def test_captions_reach_the_model_that_asks_for_them(name):
    cfg = load(name)
    contrastive = cfg.model.get('cls_head', {}).get('type') == 'CaptionContrastiveHead'
    encoded = cfg.model.get('caption_encoder') is not None
    if name.startswith('zero_shot_contrastive') or '_to_' in name:
        return                                                  # trained elsewhere
    wanted = {'train_dataloader': contrastive or encoded, 'val_dataloader': encoded, 'test_dataloader': encoded}
    for loader, wants in wanted.items():
        for dataset in dataset_configs(cfg, (loader, )):
            packed = [step for step in dataset.pipeline if step.type == 'PackActionInputs']
            packs = any('caption' in step.get('meta_keys', ()) for step in packed)
            loads = any(step.type == 'LoadCaption' for step in dataset.pipeline) or dataset.get('captions', False)
            assert packs == loads and (loads or not wants)


@pytest.mark.parametrize('source', ['noun', 'adjective', 'action_units', 'descriptions'])
@pytest.mark.parametrize('dataset', SETS)
def test_every_video_set_has_texts_of_its_own_for_each_class(dataset, source):
    texts = class_texts(dataset, source)
    assert len(texts) == len(class_names(dataset)) and all(texts)
    assert len({tuple(of) for of in texts}) == len(texts)


def test_compound_classes_are_told_by_their_parts():
    texts = dict(zip(class_names('mafw_compound'), class_texts('mafw_compound')))
    assert texts['anger_disgust'] == ['anger and disgust']
    assert texts['fear_sadness_anxiety'] == ['fear, sadness and anxiety']
    single = dict(zip(class_names('mafw'), class_texts('mafw', 'action_units')))
    compound = dict(zip(class_names('mafw_compound'), class_texts('mafw_compound', 'action_units')))
    assert compound['happiness_surprise'] == [f'{single["happiness"][0]}, {single["surprise"][0]}']
    assert all(compound[name] == single[name] for name in single)


def test_the_papers_rows_name_configs_that_are_there():
    """A stem may be of a config to come; those that are there must be found."""
    stems = {path.stem for path in (ROOT / 'configs').rglob('*.py')}
    named = {f'{stem}_{dataset}' for row in read_papers()['rows'] for stem in row.get('configs', ())
             for dataset in row['results']}
    assert {'fe_adapter_vitb_dfew', 'pe_clip_vitb16_ferv39k', 'finecliper_vitb16_mafw',
            'dfer_clip_vitb32_dfew'} <= named & stems
    ours = {name for name in stems for start in ('fe_adapter_', 'pe_clip_', 'finecliper_', 'dfer_clip_vitb32')
            if name.startswith(start) and not name.endswith(('compound', 'pe_clip_vitb16', 'finecliper_vitb16'))}
    there = {name for name in ours if (ROOT / 'configs' / f'{name}.py').exists()}
    # Those without figures in the paper: one set of PE-CLIP, and what is trained on captions and tested elsewhere.
    assert {name for name in there - named if 'zeroshot' not in name or '_to_' in name} <= {'pe_clip_vitb16_mafw', 'fe_adapter_vitb_afew'}


def test_a_head_of_another_number_of_classes_is_told():
    cfg = load('pe_clip_vitb16_mafw.py')
    assert [dataset_classes(dataset) for dataset in dataset_configs(cfg)] == 3 * [class_names('mafw')]
    cfg.model.cls_head.num_classes = 7
    with pytest.raises(ValueError, match='num_classes=7, MAFWDataset has 11 classes'):
        flow_classes(cfg)
