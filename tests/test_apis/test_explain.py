"""``mmdfer explain``: figures of a model, the numbers that they tell, and what is refused before anything is drawn."""
import json
import logging
import shutil

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from mmdfer.apis import explain_rows
from mmdfer.apis.commands.explain import told_of
from mmdfer.apis.explain import EXPRESSIVE, KINDS, REGIONS, explain, face_weights
from mmdfer.apis.explain_measures import ClipMeasure, measure_row, region_labels
from mmdfer.apis.explain_rows import rows_of
from mmdfer.apis.figures import (
    FIGURES,
    PAPERS,
    finecliper_figure4,
    finecliper_figure5,
    pe_clip_figure3,
    pe_clip_figure4,
    published_bubbles,
)
from mmdfer.captions.caption_file import CaptionFileError
from mmdfer.datasets import DatasetError
from mmdfer.explain import AttentionMaps
from mmdfer.face.regions import REGION_ID
from mmdfer.face.store import FOUND, MISSING, ClipFaces, maps_path, save_faces
from mmdfer.registry import MODELS
from mmdfer.run_config import dataset_configs, load_config
from mmdfer.runs.samples import build_datasets
from mmdfer.trained_on import FIELD, TrainedOn
from mmdfer.visualization import figure

from ..commands import command
from ..conftest import write_dfew

SIDE = 16
TINY = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=24)
OPTIONS = {'model.backbone.arch': dict(TINY, _delete_=True), 'model.backbone.img_size': SIDE, 'size': SIDE,
           'model.backbone.init_cfg': None, 'model.cls_head.in_channels': 24, 'num_frames': 4}


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A set with captions, and FE-Adapter's and FineCLIPER's checkpoints."""
    init_default_scope('mmaction')
    root = tmp_path_factory.mktemp('explained')
    data = write_dfew(root / 'dfew', train=7, test=14, frames=4, size=SIDE, folds=(1, 2))
    (data / 'captions.jsonl').write_text(''.join(
        f'{{"id": "{number:05d}", "caption": "the jaw drops {number} times"}}\n' for number in range(8, 22)))
    for name in ('fe_adapter', 'finecliper_base'):
        write_checkpoint(config(name, data), root / f'{name}_0.pth')
    return root


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Pictures of few pixels: how they look is no question here."""
    monkeypatch.setattr(figure.save, '__defaults__', (25,))


def config(name, data, **options):
    """The demo's config, smaller."""
    cfg = load_config(f'demo/{name}')
    cfg.merge_from_dict(dict(OPTIONS, **options))
    if name == 'finecliper_base':
        for tower in (cfg.model.cls_head.text_encoder, cfg.model.cls_head.negative_encoder):
            tower.arch = dict(TINY, proj_dim=24)
    for step in cfg.test_pipeline:
        if step['type'] == 'SampleSegments':
            step['num_frames'] = 4
        if step['type'] == 'Resize':
            step['scale'] = (-1, SIDE)
        if step['type'] == 'CenterCrop':
            step['crop_size'] = SIDE
    cfg.test_dataloader.merge(dict(batch_size=7, num_workers=0, persistent_workers=False))
    for dataset in dataset_configs(cfg):
        dataset.data_root = str(data)
    cfg.test_dataloader.dataset.pipeline = cfg.test_pipeline
    return cfg


def write_checkpoint(cfg, path, **meta):
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    torch.manual_seed(0)
    model = MODELS.build(dict(cfg.model, cls_head=dict(cfg.model.cls_head, num_classes=7)))
    model.init_weights()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if 'adapters' in name or 'fc.weight' in name:
                parameter.normal_(0, 0.2)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    logger.setLevel(level)


def write_maps(data, numbers, state=FOUND):
    """Face maps whose lower half is mouth, with a brow in a corner."""
    parsing = np.zeros((4, 224, 224), np.uint8)
    parsing[:, 112:] = REGION_ID['inner_mouth']
    parsing[:, :56, :56] = REGION_ID['left_brow']
    states = np.full(4, FOUND, np.uint8)
    states[3] = state
    for number in numbers:
        folder = data / 'Clip' / 'clip_224x224' / f'{number:05d}'
        box = np.tile(np.array([0, 0, SIDE, SIDE], np.float32), (4, 1))
        save_faces(ClipFaces((SIDE, SIDE), states, np.zeros(4, np.uint8), box, np.zeros((4, 68, 2), np.float32), box,
                             parsing=parsing, source={}), maps_path(folder, folder.parent))


def test_what_a_model_has_is_drawn_and_told(place, tmp_path):
    write_maps(place / 'dfew', range(8, 12))
    rows = rows_of(config('fe_adapter', place / 'dfew'), [place / 'fe_adapter_0.pth'])
    written = explain(rows, tmp_path, clips=1, device='cpu')
    stems = ['rollout', 'attention', 'frames', 'dilation', 'dilation_maps', 'tsne', 'captions']
    assert {path.name for path in written} == {f'{stem}.png' for stem in stems} | {
        'explain.json', 'maps.npz'}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written)
    told = json.loads((tmp_path / 'explain.json').read_text())
    row = told['rows']['fe_adapter_0']
    said = list(told_of(told['rows']))
    assert f'brows and mouth weigh {row["regions"]["rollout"]["factor"]:.2f} times the background (1 clips)' in said[0]
    assert said[1].startswith('fe_adapter_0: no similarity: LinearVideoHead has no class texts')
    assert [clip['id'] for clip in row['clips']] == ['8'] and -1 <= row['silhouette'] <= 1
    assert row['regions']['rollout']['clips'] == 1 and row['regions']['rollout']['factor'] > 0
    assert 'LinearVideoHead has no class texts' in row['left_out']['similarity'] and told['classes'][0] == 'happy'
    assert told['dataset'] == 'demo (synthetic)'
    with np.load(tmp_path / 'maps.npz') as maps:
        assert maps['fe_adapter_0/8/rollout'].shape == (4, 2, 2)
        assert maps['fe_adapter_0/8/rollout'].sum() == pytest.approx(1)
        assert maps['fe_adapter_0/features'].shape == (14, 24)
        assert maps['fe_adapter_0/8/dilation/layers.1.adapters.fe.conv'].shape == (3, 4, 2, 2)


def test_the_command_draws_what_is_asked_for_in_the_formats_asked_for(place, tmp_path):
    cfg = config('fe_adapter', place / 'dfew')
    cfg.dump(str(tmp_path / 'config.py'))
    (tmp_path / 'run').mkdir()
    shutil.copy(place / 'fe_adapter_0.pth', tmp_path / 'run' / 'best.pth')
    done = command('explain', tmp_path / 'config.py', place / 'fe_adapter_0.pth', '--row', 'second',
                   tmp_path / 'config.py', tmp_path / 'run', '--what', 'attention', '--ids', '00010', '--target',
                   'fear', '--out', tmp_path / 'out', '--format', 'svg')
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {'attention.svg', 'explain.json', 'maps.npz'}
    assert 'no similarity' not in done.stdout
    assert 'attention.svg, explain.json, maps.npz are in ' in done.stdout
    rows = json.loads((tmp_path / 'out' / 'explain.json').read_text())['rows']
    assert list(rows) == ['fe_adapter_0', 'second'] and rows['second']['clips'][0]['explained'] == 'fear'


@pytest.mark.parametrize('words, told', [
    (['--what', 'similarity'], '--what similarity: fe_adapter_0: LinearVideoHead has no class texts'),
    (['--what', 'rollout', '--target', 'joy'], '--target joy: give predicted, true, or one of happy, sad'),
    (['--what', 'rollout', '--ids', '99'], '--ids 99: no such clip among the 14 of the test set'),
    (['--what', 'captions', '--captions', 'none.jsonl'], 'none.jsonl: cannot be read'),
    (['--names', 'a', 'b'], '--names a b: 1 rows need as many names'),
    (['--row', 'fe_adapter_0', 'CONFIG', 'CHECKPOINT'], '--row fe_adapter_0: two rows are called so'),
])
def test_mistakes_end_in_one_line_and_leave_nothing(place, tmp_path, words, told):
    config('fe_adapter', place / 'dfew').dump(str(tmp_path / 'config.py'))
    names = {'CONFIG': tmp_path / 'config.py', 'CHECKPOINT': place / 'fe_adapter_0.pth'}
    done = command('explain', names['CONFIG'], names['CHECKPOINT'], '--out', tmp_path / 'out',
                   *(names.get(word, word) for word in words))
    assert done.returncode == 2 and done.stderr.startswith(f'error: {told}'), done.stderr
    assert done.stderr.count('\n') == 1 and not (tmp_path / 'out').exists()


def test_checkpoints_that_diverged_or_have_seen_the_clips_are_refused(place, tmp_path):
    cfg = config('fe_adapter', place / 'dfew')
    state = torch.load(place / 'fe_adapter_0.pth', weights_only=True)
    state['state_dict']['backbone.ln1.weight'] *= torch.nan
    torch.save(state, tmp_path / 'nan.pth')
    for what, match in (('rollout', 'the logits of the clip are no numbers'),
                        ('tsne', 'the features of 14 of 14 clips are no numbers .* such as 8')):
        with pytest.raises(ValueError, match=match):
            explain(rows_of(cfg, [tmp_path / 'nan.pth']), tmp_path / 'out', [what], 1, device='cpu')
    seen = TrainedOn.of(['demo/9', 'demo/10'], 'demo, fold 1, train')
    write_checkpoint(cfg, tmp_path / 'seen.pth', **{FIELD: seen.to_meta()})
    with pytest.raises(DatasetError, match='was trained on 2 of the 14 clips of .*, such as 9: .*--allow-seen'):
        explain(rows_of(cfg, [tmp_path / 'seen.pth']), tmp_path / 'out', ['attention'], 1, device='cpu')
    assert not (tmp_path / 'out').exists()
    cfg.allow_seen = True
    row, = rows_of(cfg, [tmp_path / 'seen.pth'])
    assert measure_row(row, ['attention'], ['9'], device='cpu').clips[0].id == '9'


def test_what_is_not_known_is_refused(place, tmp_path):
    rows = rows_of(config('fe_adapter', place / 'dfew'), [place / 'fe_adapter_0.pth'])
    for words, match in ((dict(what=['roll-out']), 'is not known: did you mean rollout|rollout'),
                         (dict(formats=['jpg']), 'format jpg'), (dict(clips=0, what=['attention']), '--clips 0')):
        with pytest.raises(ValueError, match=match):
            explain(rows, tmp_path / 'out', **words)
    with pytest.raises(ValueError, match='no model is given'):
        explain([], tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_a_folder_of_folds_is_a_row_a_fold_on_its_clips(place, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(explain_rows, 'print_log', lambda message, **_: told.append(message))
    cfg = config('fe_adapter', place / 'dfew')
    for fold in (2, 1, 10):
        (tmp_path / f'fold_{fold}').mkdir()
        (tmp_path / f'fold_{fold}' / 'best.pth').touch()
    rows = rows_of(cfg, [tmp_path])
    assert [(row.name, row.fold, row.cfg.test_dataloader.dataset.fold) for row in rows] == [
        (f'fold {fold}', fold, fold) for fold in (1, 2, 10)]
    assert cfg.test_dataloader.dataset.fold == 1
    assert told == [f'{tmp_path}: holds no fold_3, fold_4, fold_5; the figure is of the folds that are there']
    with pytest.raises(ValueError, match='--what rollout: fold 1 and fold 2 are of different folds'):
        explain(rows, tmp_path / 'out', ['rollout'])
    (tmp_path / 'empty').mkdir()
    for path, match in ((tmp_path / 'none.pth', 'no such checkpoint'), (tmp_path / 'empty', 'holds none of best.pth')):
        with pytest.raises(ValueError, match=match):
            rows_of(cfg, [path])


def test_regions_lie_where_the_clips_maps_have_them(place):
    data = place / 'dfew'
    write_maps(data, [20, 21], state=MISSING)
    cfg = config('fe_adapter', data)
    steps = [step for step in cfg.test_pipeline if step['type'] not in ('FormatShape', 'PackActionInputs')]
    dataset, = build_datasets(cfg, 'test_dataloader', pipeline=steps)
    labels = region_labels(dataset[13])
    assert labels.shape == (4, SIDE, SIDE) and (labels[3] == -1).all()
    assert (labels[:3, 8:] == REGION_ID['inner_mouth']).all() and (labels[:3, :4, :4] == REGION_ID['left_brow']).all()
    assert region_labels(dataset[8]) is None                                  # no maps of this one


def test_the_factor_is_of_brows_and_mouth_beside_the_background():
    labels = np.zeros((1, 4, 4), int)
    labels[0, 2:] = REGION_ID['lower_lip']
    labels[0, 0, :2] = REGION_ID['right_brow']
    rollout = torch.zeros(1, 4, 4, dtype=torch.float64)
    rollout[0, 2:], rollout[0, 0, :2], rollout[0, 0, 2:], rollout[0, 1] = 4, 2, 1, 1
    maps = AttentionMaps(rollout / rollout.sum(), rollout, rollout, torch.ones(7), 0)
    clip = ClipMeasure('1', 0, np.zeros((1, 4, 4, 3), np.uint8), 0, 1.0, 0, maps, regions=labels)
    found = face_weights([clip, clip])
    assert found['factor'] == pytest.approx((8 * 4 + 2 * 2) / 10 / 1, abs=1e-3) and found['clips'] == 2
    assert found['density']['mouth'] / found['density']['brows'] == pytest.approx(2, abs=1e-3)
    assert set(EXPRESSIVE) < set(REGIONS) == set(found['density'])
    clip.regions = None
    assert face_weights([clip]) is None


def test_figures_of_the_papers_are_drawn_of_ones_own_models(place, tmp_path):
    fe = rows_of(config('fe_adapter', place / 'dfew'), [place / 'fe_adapter_0.pth'])
    fine = rows_of(config('finecliper_base', place / 'dfew'), [place / 'finecliper_base_0.pth'])
    assert {path.name for path in pe_clip_figure3(fe, tmp_path, clips=1, device='cpu')} == {
        f'pe_clip_figure3_{name}' for name in ('rollout.png', 'explain.json', 'maps.npz')}
    assert (tmp_path / 'pe_clip_figure4_tsne.png') in pe_clip_figure4(fe, tmp_path, device='cpu')
    written = {path.name for path in finecliper_figure5(fine, tmp_path, device='cpu')}
    assert {'finecliper_figure5_similarity.png', 'finecliper_figure5_similarity_sides.png'} < written
    with np.load(tmp_path / 'finecliper_figure5_maps.npz') as maps:
        assert maps['finecliper_base_0/positive'].shape == maps['finecliper_base_0/negative'].shape == (14, 7)
    assert finecliper_figure4(fine[0].cfg, tmp_path, clips=['9']) == [tmp_path / 'finecliper_figure4_captions.png']
    with pytest.raises(CaptionFileError, match='none of the 14 test clips has a caption in each of'):
        (tmp_path / 'other.jsonl').write_text('{"id": "77", "caption": "a"}\n')
        finecliper_figure4(fine[0].cfg, tmp_path, captions=[tmp_path / 'other.jsonl'])


def test_every_result_figure_of_the_papers_has_its_function():
    assert {paper: sorted(figures) for paper, figures in FIGURES.items()} == {
        'fe_adapter': ['figure1'], 'pe_clip': ['figure1', 'figure3', 'figure4'],
        'finecliper': ['figure1', 'figure4', 'figure5', 'figure6']}
    assert {figure.needs for figures in FIGURES.values() for figure in figures.values()} == {
        'figures', 'rows', 'config'}
    from mmdfer.apis.commands.explain import KINDS as OPTIONS_OF_COMMAND
    assert tuple(KINDS) == OPTIONS_OF_COMMAND


def test_bubbles_are_of_published_figures_and_ones_own_runs(tmp_path):
    run = dict(name='mine', config='fe_adapter_vitb_dfew', dataset='dfew', title='DFEW', classes=None, fold=None,
               folds=[], tunable=6.63e6, total=9e7, uar=0.6, war=0.72, epoch=1, unit='epoch',
               best=dict(uar=0.6, war=0.72, epoch=1))
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'result.json').write_text(json.dumps(run))
    written = FIGURES['pe_clip']['figure1'].draw(tmp_path, ('svg',), runs=[tmp_path / 'run'])
    assert [path.name for path in written] == ['pe_clip_figure1.svg', 'pe_clip_figure1.md']
    text = written[0].read_text()
    assert 'PE-CLIP' in text and '>mine<' in text and 'measured here' in text
    assert '| mine | 6.63 | 72.00 | measured here |' in written[1].read_text()
    (tmp_path / 'run' / 'result.json').write_text(json.dumps(dict(run, dataset='demo', title='demo (synthetic)')))
    with pytest.raises(ValueError, match=r'mine is of demo \(synthetic\), not of the test clips of DFEW'):
        FIGURES['pe_clip']['figure1'].draw(tmp_path, runs=[tmp_path / 'run'])
    alone, _ = FIGURES['finecliper']['figure1'].draw(tmp_path, ('svg',), runs=[tmp_path / 'run'], quoted=False)
    own = alone.read_text()
    assert 'mine, demo (synthetic)' in own and 'FineCLIPER' not in own
    for paper, name in PAPERS.items():
        bubbles = published_bubbles(paper, 'dfew')
        assert any(one.kind == 'paper' and one.name.startswith(name) for one in bubbles)
        assert {one.kind for one in bubbles} == {'paper', 'other'}
