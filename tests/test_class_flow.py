"""Classes of the data reach all that counts or names them; what a config gives agrees, and texts keep their order."""
import pytest
from mmengine.config import Config

from mmdfer.class_order import difference, places_of
from mmdfer.datasets import class_names
from mmdfer.registry import MODELS
from mmdfer.run_config import flow_classes, load_config
from mmdfer.runs.settings import differences, settings_of
from mmdfer.text import class_texts

from .conftest import ROOT

DFEW, MAFW = class_names('dfew'), class_names('mafw')


def load(name, options=None):
    return load_config(ROOT / 'configs' / f'{name}.py', options)


def emptied(value):
    """A model's config without what follows from its classes."""
    if isinstance(value, dict):
        return {key: emptied(one) for key, one in value.items() if key != 'num_classes' and not (
            key in ('classes', 'dataset') and 'templates' in value)}
    return type(value)(map(emptied, value)) if isinstance(value, (list, tuple)) else value


def made(dataset='DFEWDataset', test=None, model=None, **kwargs):
    loaders = {f'{name}_dataloader': dict(dataset=dict(type=one) if isinstance(one, str) else one)
               for name, one in (('train', dataset), ('val', test or dataset), ('test', test or dataset)) if one}
    model = model or dict(cls_head=dict(type='LinearVideoHead'))
    return Config(dict(model=model, default_scope='mmaction', **loaders, **kwargs))


@pytest.mark.parametrize('name', ['fe_adapter_vitb_mafw', 'pe_clip_vitb16_dfew', 'finecliper_vitb16_mafw',
                                  'contrastive_clip_vitb16_mafw', 'image_fer/vitb_rafdb', 'baselines/c3d_dfew',
                                  'baselines/timesformer_vitb_dfew', 'mix/tsn_r50_dfew',
                                  'mix/mvit_small_st_adapter_dfew'])
def test_a_config_without_counts_gets_those_it_had(name):
    whole = load(name)
    bare = Config(dict(whole._cfg_dict.to_dict(), model=emptied(whole.model.to_dict())))
    bare.pop('run_classes')
    assert 'num_classes' not in str(bare.model) and flow_classes(bare) == flow_classes(whole)
    assert bare.model.to_dict() == whole.model.to_dict()


def test_mixing_of_every_kind_is_filled_in():
    augments = [dict(type='MixupBlending'), dict(type='CutmixBlending'), dict(type='FMixBlending')]
    cfg = made('MAFWDataset', model=dict(cls_head=dict(type='I3DHead', in_channels=8), data_preprocessor=dict(
        type='ActionDataPreprocessor', blending=dict(type='RandomBatchAugment', augments=augments))))
    assert flow_classes(cfg) == MAFW and cfg.model.cls_head.num_classes == 11
    assert [one.num_classes for one in cfg.model.data_preprocessor.blending.augments] == [11, 11, 11]
    assert MODELS.build(cfg.model.data_preprocessor.blending).num_classes == 11
    assert 'num_classes' not in cfg.model.data_preprocessor


def test_the_training_set_decides_and_without_training_the_test_set():
    assert flow_classes(made('MAFWDataset')) == MAFW
    assert flow_classes(made(None, test='FERV39kDataset')) == class_names('ferv39k')
    wrapped = made(dict(type='RepeatDataset', times=2, dataset=dict(type='RAFDBDataset')))
    assert flow_classes(wrapped) == class_names('rafdb')
    own = made(dict(type='VideoFolderDataset', metainfo=dict(classes=['b', 'a'])))
    assert flow_classes(own) == ('b', 'a') and own.run_classes == ['b', 'a']
    assert flow_classes(made(dict(type='VideoDataset'))) is None
    assert flow_classes(made(dict(type='VideoDataset')), ('x', 'y')) == ('x', 'y')


def test_folders_and_files_name_classes(tmp_path):
    for name in ('train/sad', 'train/glad', 'val/mad'):
        (tmp_path / name).mkdir(parents=True)
    cfg = made(dict(type='VideoFolderDataset', data_root=str(tmp_path)))
    assert flow_classes(cfg) == ('glad', 'mad', 'sad') and cfg.model.cls_head.num_classes == 3
    assert flow_classes(made(dict(type='VideoFolderDataset', data_root=str(tmp_path / 'nowhere')))) is None
    (tmp_path / 'names.txt').write_text('one\ntwo\n')
    listed = made(dict(type='VideoDataset', metainfo=dict(classes=str(tmp_path / 'names.txt'))))
    assert flow_classes(listed) == ('one', 'two')


def test_what_was_filled_in_follows_the_data():
    cfg = load('pe_clip_vitb16_dfew')
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[name].dataset.type = 'MAFWDataset'
    assert flow_classes(cfg) == MAFW and cfg.model.to_dict() == load('pe_clip_vitb16_mafw').model.to_dict()
    again = cfg.copy()
    assert flow_classes(again) == MAFW and again.model.to_dict() == cfg.model.to_dict()


def test_texts_in_another_order_are_told_in_the_datas():
    order = ['fear', 'angry', 'happy', 'sad', 'neutral', 'surprise', 'disgust']
    cfg = load('pe_clip_vitb16_dfew', {'model.cls_head.texts.classes': order})
    assert cfg.model.cls_head.texts.classes == list(DFEW)
    assert class_texts(**cfg.model.cls_head.texts) == class_texts('dfew', 'action_units', ['{}.'])
    # A set of the same emotions under other names, in an order of its own.
    same = load('pe_clip_vitb16_dfew', {'model.cls_head.texts.dataset': 'rafdb'})
    assert same.model.cls_head.texts.to_dict() == cfg.model.cls_head.texts.to_dict()


def test_a_users_file_is_read_in_the_datas_order(tmp_path):
    path = tmp_path / 'texts.yaml'
    path.write_text(''.join(f'{name}: the {name} one\n' for name in reversed(DFEW)))
    cfg = load('pe_clip_vitb16_dfew', {'model.cls_head.texts.file': str(path)})
    assert class_texts(**cfg.model.cls_head.texts) == [[f'the {name} one.'] for name in DFEW]


@pytest.mark.parametrize('options, told', [
    ({'model.cls_head.num_classes': 8},
     'model.cls_head has num_classes=8, DFEWDataset has 7 classes .*set num_classes=7'),
    ({'model.cls_head.texts.dataset': 'mafw'},
     'model.cls_head.texts are of the classes anger, .*DFEWDataset has 7 .*missing happy, sad, angry; extra anger'),
    ({'model.cls_head.texts.classes': list(DFEW[:6])}, 'model.cls_head.texts are of the classes .*: missing fear'),
    ({'model.cls_head.texts.dataset': 'nowhere'}, "model.cls_head.texts: 'nowhere' is no data set known here"),
    ({'model.data_preprocessor.blending.augments.1.num_classes': 3},
     'blending.augments.1 has num_classes=3, DFEWDataset has 7'),
    ({'model.cls_head.loss_cls': dict(type='LogitAdjustedLoss', class_counts=[1, 2])},
     'model.cls_head.loss_cls.class_counts has 2 entries, DFEWDataset has 7'),
    ({'test_evaluator.num_classes': 11}, 'test_evaluator has num_classes=11, DFEWDataset has 7'),
    ({'val_evaluator.classes': list(DFEW[::-1])}, 'val_evaluator has the classes fear, .*the same in another order'),
    ({'test_dataloader.dataset.type': 'MAFWDataset'},
     'test_dataloader: MAFWDataset has the classes anger, .* DFEWDataset of train_dataloader has happy, '),
])
def test_what_disagrees_is_refused_by_both_names(options, told):
    with pytest.raises(ValueError, match=told):
        load('pe_clip_vitb16_dfew', options)


def test_a_class_that_is_there_twice_is_told():
    with pytest.raises(ValueError, match="VideoFolderDataset: class 'a' is there twice among its classes a, b, a"):
        flow_classes(made(dict(type='VideoFolderDataset', metainfo=dict(classes=['a', 'b', 'a']))))


def test_a_head_that_learns_from_captions_speaks_of_the_set_it_is_tested_on():
    tested = dict(_delete_=True, type='DFEWDataset')
    cfg = load('contrastive_clip_vitb16_mafw', {
        'val_dataloader.dataset': tested, 'test_dataloader.dataset': tested,
        'model.cls_head': dict(num_classes=None, texts=dict(dataset=None))})
    assert cfg.run_classes == list(DFEW) and cfg.model.cls_head.num_classes == 7
    assert cfg.model.cls_head.texts.classes == list(DFEW)


def test_metrics_are_filled_in_only_where_they_cannot_do_without():
    from mmaction.registry import METRICS
    from mmengine.evaluator import BaseMetric

    class Counting(BaseMetric):
        def __init__(self, num_classes, **kwargs):
            super().__init__(**kwargs)
    METRICS.register_module(module=Counting, name='CountingForClassFlow')
    cfg = made(val_evaluator=[dict(type='CountingForClassFlow'), dict(type='RecallMetric')])
    flow_classes(cfg)
    assert cfg.val_evaluator[0].num_classes == 7 and 'num_classes' not in cfg.val_evaluator[1]


@pytest.mark.parametrize('head', ['LinearVideoHead', 'CLIPTextHead', 'FineCLIPERHead', 'CaptionContrastiveHead'])
def test_a_head_without_a_number_says_where_it_comes_from(head):
    with pytest.raises(ValueError, match=f'{head}: num_classes is not set. It comes from .*flow_classes'):
        MODELS.build(dict(type=head))


def test_settings_of_runs_do_not_go_by_how_classes_are_written():
    now, before = settings_of(load('finecliper_vitb16_mafw')), settings_of(load('finecliper_vitb16_mafw'))
    assert not any('num_classes' in name or 'texts.classes' in name for name in now)
    before.update({'model.cls_head.num_classes': '11', 'model.cls_head.texts.dataset': "'mafw'"})     # an older run's
    assert differences(now, before) == differences(before, now) == ''
    assert 'temperature' in differences(now, dict(before, **{'model.cls_head.temperature': '1.0'}))


def test_orders_are_told_by_name():
    assert places_of(['a', 'b'], ['b', 'a']) == [1, 0] and places_of(['a', 'b'], ['a', 'c']) is None
    assert places_of(['happy', 'Angry'], ['anger', 'happiness']) == [1, 0]
    assert places_of(['a', 'b'], ['a', 'b', 'c']) is None
    assert difference(['a'], ['a']) == '' and difference(['a', 'x'], ['a', 'b']) == 'missing b; extra x'
