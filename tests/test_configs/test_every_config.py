"""Every config and every row of a table, each read and built once, and all that it should be held against it.

Counts are compared with those that the metafiles and the rows give, so that a test of a closed form needs no model: it
reads them there.
"""
from __future__ import annotations

import re
from functools import cache, cached_property

import pytest

from mmdfer.apis.configs import metafiles, read_metafile
from mmdfer.apis.counting import count_config
from mmdfer.config_names import config_files
from mmdfer.config_rows import find_row, row_names
from mmdfer.datasets import DFERDataset, class_names
from mmdfer.recognizers.finecliper import modalities_of
from mmdfer.registry import DATASETS, MODELS, TRANSFORMS
from mmdfer.run_config import LOADERS, dataset_classes, dataset_configs, flow_classes, load_config
from mmdfer.run_towers import towers
from mmdfer.text import class_texts, tokenize

from ..conftest import ROOT

FILES = list(config_files())
SETS = ('dfew', 'ferv39k', 'mafw', 'mafw_compound')
NO_WEIGHTS = dict(type='Pretrained', checkpoint='/no/such.pth')


@cache
def models() -> dict[str, dict]:
    """The metafiles' entries by the name of their config."""
    return {model['Config'].removeprefix('configs/').removesuffix('.py'): model
            for path in metafiles() for model in read_metafile(path)['Models']}


def walk(value):
    """All dicts in a config."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, (dict, list, tuple)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from walk(one)


COUNTS: dict[str, dict] = {}
# What no parameter's shape depends on; of class texts, which a context of each class multiplies, their number is kept.
SHAPELESS = ('data_preprocessor', 'texts', 'negative_texts', 'temperature', 'train_cfg', 'scale', 'zero_bias',
             'across_batch', 'drop_modalities')


def shape_deciding(value):
    """A model's config without what decides no shape."""
    if isinstance(value, dict):
        return {key: shape_deciding(one) for key, one in sorted(value.items()) if key not in SHAPELESS}
    return [shape_deciding(one) for one in value] if isinstance(value, (list, tuple)) else value


class Read:
    """A config, read once, and its model's count."""

    def __init__(self, name: str) -> None:
        self.name, self.cfg = name, load_config(name)
        self.row = find_row(name)

    @cached_property
    def count(self) -> dict:
        if 'backbone' in self.cfg.model:
            self.cfg.model.backbone.init_cfg = NO_WEIGHTS       # a count needs none
        shapes = str(shape_deciding(self.cfg.model.to_dict()))
        if shapes not in COUNTS:                                # many rows are one model
            COUNTS[shapes] = count_config(self.cfg)
        return COUNTS[shapes]

    @property
    def head(self):
        return self.cfg.model.get('cls_head') or self.cfg.model.head

    @property
    def set_name(self) -> str:
        return dataset_name(next(dataset_configs(self.cfg)))


def dataset_name(dataset) -> str:
    return getattr(DATASETS.get(dataset.type), 'METAINFO', {}).get('dataset')


def classes_agree(read):
    """Head, mixing and data have the same classes."""
    cfg = read.cfg
    assert flow_classes(cfg) == tuple(dataset_classes(next(dataset_configs(cfg))))
    # mmpretrain's preprocessor has a number of its own, told by its data sets.
    mixed = {one.num_classes for one in walk(cfg.model.get('data_preprocessor', {}).get('blending') or {})
             if 'num_classes' in one}
    assert mixed <= {read.head.num_classes}
    assert set(map(dataset_name, dataset_configs(cfg))) == {read.set_name}


def names_are_known(read):
    """The model's, the steps' and the evaluator's."""
    assert MODELS.get(read.cfg.model.type) is not None
    for loader in LOADERS:
        steps = [step for dataset in dataset_configs(read.cfg, (loader, )) for step in dataset.pipeline]
        assert steps or not read.cfg.get(loader)
        for step in steps:
            scope = f'{step._scope_}.' if '_scope_' in step else ''
            assert TRANSFORMS.get(scope + step.type) is not None, step.type


def the_test_pipeline_stands_at_the_top(read):
    cfg = read.cfg
    assert [dataset.pipeline for dataset in dataset_configs(cfg, ('test_dataloader', ))] == [cfg.test_pipeline]
    assert cfg.test_evaluator.type == 'RecallMetric' and cfg.custom_imports.imports == ['mmdfer']


def texts_are_of_the_sets_classes_and_fit_the_context(read):
    if 'texts' not in read.head:
        return
    head = read.head
    names = [tuple(dataset_classes(dataset)) for dataset in dataset_configs(read.cfg)]
    assert set(names) == {tuple(head.texts.classes)} and 'dataset' not in head.texts
    others = [dict(head.texts, **head.negative_texts)] if head.get('negative_encoder') else []
    for texts in [head.texts, *others]:
        spoken = class_texts(**texts)
        assert len(spoken) == head.num_classes == len(names[0])
        room = head.text_encoder.get('context_length', 77)
        tokenize([text for of in spoken for text in of], room - (head.get('prompts') or {}).get('context', 0))


def towers_meet_in_one_space_and_frames_are_normalised_as_clips(read):
    """Or go in as [0, 1], as in two releases, or by ImageNet's mean, as in another."""
    if 'texts' not in read.head:
        return
    model = read.cfg.model
    if read.name.startswith('demo/'):
        width = model.backbone.get('proj_dim') or model.backbone.arch.embed_dims
        assert width == model.cls_head.text_encoder.arch.proj_dim
        return
    assert {tower.proj_dim for tower in towers(model) if tower.type in ('AdapterViT', 'SnippetViT')} == {512}
    as_in_releases = any(name in read.name for name in ('frames_0_to_1', 'dfer_clip', 'pe_clip/release'))
    imagenet = read.name.startswith('neighbours/dk_clip')
    mean = [0, 0, 0] if as_in_releases else [123.675, 116.28, 103.53] if imagenet else [122.771, 116.746, 104.094]
    assert model.data_preprocessor.mean == mean


def maps_and_captions_reach_the_model_that_asks_for_them(read):
    cfg = read.cfg
    assert 'beside_frames' not in cfg
    contrastive = read.head.type == 'CaptionContrastiveHead'
    seen = modalities_of(cfg.model) if cfg.model.type == 'FineCLIPER' else {}
    encoded, maps = 'caption' in seen, {'parsing', 'landmarks'} & set(seen)
    emoclip = 'neighbours/emoclip_zero_shot_'
    tests_another = ('zero_shot_contrastive', f'{emoclip}dfew', f'{emoclip}ferv39k')
    elsewhere = read.name.startswith(tests_another) or '_to_' in read.name                  # where it was trained
    wanted = {'train_dataloader': contrastive and not elsewhere or encoded, 'val_dataloader': encoded,
              'test_dataloader': encoded}
    for loader, wants in wanted.items():
        for dataset in dataset_configs(cfg, (loader, )):
            packed = [step for step in dataset.pipeline if step.type == 'PackActionInputs']
            kinds = [step.type for step in dataset.pipeline]
            packs = any('caption' in step.get('meta_keys', ()) for step in packed)
            loads = 'LoadCaption' in kinds or dataset.get('captions', False)
            assert packs == loads and (loads or not wants)
            assert ('LoadFaceMaps' in kinds) == bool(maps)
            assert any('parsing_maps' in step.get('algorithm_keys', ()) for step in packed) == ('LoadFaceMaps' in kinds)


def no_other_sets_folder_or_class_stands_in_it(read):
    """Neither in what is run nor among the variables of its pieces."""
    cfg = read.cfg
    own = {dataset.type for dataset in dataset_configs(cfg)}
    own_roots = {dataset.data_root for dataset in dataset_configs(cfg)}
    if 'image_dataloader' in cfg:                               # that it is trained on, too
        own_roots.add(cfg.image_dataloader.dataset.data_root)
    for one in walk(cfg._cfg_dict):
        if 'dataset_type' in one:
            assert one['dataset_type'] in own
        if 'data_root' in one:
            assert one['data_root'] in own_roots
    text = str(cfg._cfg_dict)
    for kind, cls in DATASETS.module_dict.items():
        if issubclass(cls, DFERDataset) and kind not in own:
            assert not re.search(rf"'{kind}'", text), kind


def counts_are_those_that_are_told(read):
    """By the metafile, or by the row; and the parts add up."""
    found = read.count
    if read.row:
        row, dataset = read.row
        if dataset == row.sets[0]:
            assert found['tunable'] == row.tunable or row.of
    else:
        about = models()[read.name]['Metadata']
        assert (found['tunable'], found['total']) == (about['Tunable Parameters'], about['Parameters'])
    untrained = read.name.startswith(('zero_shot_clip', 'finecliper_zeroshot/clip', 'finecliper_zeroshot/farl'))
    assert untrained == (found['tunable'] == 0)
    assert found['tunable'] <= found['total'] and found['tunable_adapters'] <= found['tunable']
    top = [entry for name, entry in found['modules'].items() if '.' not in name]
    assert sum(entry['total'] for entry in top) == found['total']


def the_metafile_tells_of_it(read):
    if read.row:
        return
    model, cfg = models()[read.name], read.cfg
    assert model['Name'] == read.name.rpartition('/')[2]
    about = model['Metadata']
    assert about['Epochs'] == cfg.train_cfg.max_epochs and about['Batch Size'] == cfg.train_dataloader.batch_size
    told = about['Training Data'].lower().replace(' ', '_').replace('-', '')
    assert read.name.startswith('demo/') or told == read.set_name.rstrip('7')
    readme = (ROOT / 'configs' / read.name).parent / 'README.md'
    rows = [
        line for line in readme.read_text(encoding='utf-8').splitlines() if line.startswith(f'| `{model["Name"]}` |')
    ]
    assert all(f'{about["Tunable Parameters"]:,}' in line for line in rows)


def the_first_line_says_what_it_is(read):
    if read.row:
        return
    lines = config_files()[read.name].read_text(encoding='utf-8').splitlines()
    assert re.match('# [A-Z0-9]', lines[0]) and len(lines[0]) > 20
    assert max(map(len, lines)) <= 120 and not any(re.match('(import|from) ', line) for line in lines)
    assert depth(config_files()[read.name]) <= 3


def depth(path) -> int:
    """How many files deep a config's ``_base_`` goes."""
    block = re.search(r"^_base_ = (\[.*?\])", path.read_text(encoding='utf-8'), re.M | re.S)
    bases = re.findall(r"'([^']+)'", block[1]) if block else []
    return max((1 + depth((path.parent / base).resolve()) for base in bases), default=0)


CHECKS = (the_first_line_says_what_it_is, the_metafile_tells_of_it, classes_agree, names_are_known,
          the_test_pipeline_stands_at_the_top, texts_are_of_the_sets_classes_and_fit_the_context,
          towers_meet_in_one_space_and_frames_are_normalised_as_clips,
          maps_and_captions_reach_the_model_that_asks_for_them, no_other_sets_folder_or_class_stands_in_it,
          counts_are_those_that_are_told)
OF_LABELS = (classes_agree, the_test_pipeline_stands_at_the_top)       # which pre-training has none of


@pytest.mark.filterwarnings('ignore:TemporalDynamicAdapter', 'ignore:Snippet')
@pytest.mark.parametrize('name', [*FILES, *row_names()])
def test_a_config_is_what_it_should_be(name):
    read = Read(name)
    for check in CHECKS:
        if check not in OF_LABELS or read.cfg.get('test_dataloader'):
            check(read)


OTHER_SETS = [name for name in row_names(datasets=True) if '@' in name]


@pytest.mark.parametrize('paper', sorted({name.partition('/')[0] for name in OTHER_SETS}))
def test_a_row_on_another_set_is_of_that_set(paper):
    """All but the count, which no set but the first tells."""
    for name in OTHER_SETS:
        if name.startswith(f'{paper}/'):
            read = Read(name)
            assert read.set_name == name.partition('@')[2] == read.row[1]
            for check in CHECKS[2:-1]:
                check(read)


def test_every_config_is_in_a_metafile_once_and_every_family_has_a_readme():
    entries = [model for path in metafiles() for model in read_metafile(path)['Models']]
    assert sorted(model['Config'] for model in entries) == sorted(f'configs/{name}.py' for name in FILES)
    assert len({model['Name'] for model in entries}) == len(entries)
    for path in metafiles():
        content = read_metafile(path)
        known = {one['Name'] for one in content['Collections']}
        assert {model['In Collection'] for model in content['Models']} == known
        assert all((ROOT / one['README']).is_file() and one['Paper']['Title'] for one in content['Collections'])
        assert {(ROOT / model['Config']).parent for model in content['Models']} == {path.parent}


@pytest.mark.parametrize('source', ['noun', 'adjective', 'action_units', 'class_description', 'descriptions',
                                    'noun_and_action_units'])
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


def test_a_head_of_another_number_of_classes_is_told():
    cfg = load_config('pe_clip_vitb16_mafw')
    assert [dataset_classes(dataset) for dataset in dataset_configs(cfg)] == 3 * [class_names('mafw')]
    cfg.model.cls_head.num_classes = 7
    with pytest.raises(ValueError, match='num_classes=7, MAFWDataset has 11 classes'):
        flow_classes(cfg)
