"""The pictures' figures are the head's own, each clip's once, and a modality that is absent has no weight."""
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmdfer.apis.similarity import draw_similarity, measure_similarity, spread_over_classes
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config

from ..conftest import ROOT, write_dfew

SIDE = 16
FILES = ['similarity.npz', 'similarity.png', 'weights.png', 'modalities.md']
TINY = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=24)


@pytest.fixture
def cfg(tmp_path):
    """The demo's base, smaller, with captions that only some clips have, and a checkpoint of it."""
    cfg = load_config(ROOT / 'configs/demo/finecliper_base.py')
    cfg.merge_from_dict({
        'model.backbone.arch': dict(TINY, _delete_=True), 'model.backbone.img_size': SIDE,
        'model.backbone.init_cfg': None, 'model.cls_head.in_channels': 24
    })
    for tower in (cfg.model.cls_head.text_encoder, cfg.model.cls_head.negative_encoder):
        tower.arch = dict(TINY, proj_dim=24)
    captions = dict(cfg.model.cls_head.text_encoder, context_length=248)
    cfg.model.modalities.caption = dict(type='CaptionModality', encoder=captions)
    cfg.test_pipeline = [step for step in cfg.test_pipeline if step['type'] not in ('FormatShape', 'PackActionInputs')
                         ] + [
                             dict(type='LoadCaption'),
                             dict(type='FormatShape', input_format='NCTHW'),
                             dict(type='PackActionInputs', meta_keys=('video_id', 'caption'))
                         ]
    cfg.test_pipeline[3:5] = [dict(type='Resize', scale=(SIDE, SIDE), keep_ratio=False)]
    root = write_dfew(tmp_path / 'dfew', train=7, test=7, frames=4, size=SIDE, folds=(1, ))
    (root / 'captions.jsonl').write_text(''.join(
        f'{{"id": "{number:05d}", "caption": "the jaw drops {number} times"}}\n' for number in range(8, 12)))
    cfg.test_dataloader.merge(dict(batch_size=3, num_workers=0, persistent_workers=False))
    cfg.test_dataloader.dataset.merge(dict(data_root=str(root)))
    cfg.test_dataloader.dataset.pipeline = cfg.test_pipeline
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'model.pth')
    return cfg


def test_what_is_measured_is_consistent(cfg, tmp_path):
    found = measure_similarity(cfg, str(tmp_path / 'model.pth'), 'cpu')
    assert found['labels'].tolist() == list(
        range(7)) and found['ids'].tolist() == [str(number) for number in range(8, 15)]
    logits = (found['positive'] - found['negative']) / cfg.model.cls_head.temperature
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found['scores'], expected, rtol=1e-3, atol=1e-5)
    assert list(found['weights']) == ['video', 'caption']
    assert np.isnan(found['weights']['caption']).tolist() == [False] * 4 + [True] * 3
    np.testing.assert_allclose(np.nansum(list(found['weights'].values()), axis=0), np.ones(7), rtol=1e-5)
    assert np.isnan(found['without']['video']).all(axis=1).tolist() == [False] * 4 + [True] * 3
    cfg.model.drop_modalities = ['caption']
    dropped = measure_similarity(cfg, str(tmp_path / 'model.pth'), 'cpu')
    np.testing.assert_allclose(found['without']['caption'], dropped['scores'], rtol=1e-5, atol=1e-6)


def test_pictures_are_those_that_the_model_has_use_for(cfg, tmp_path):
    out = tmp_path / 'out'
    assert draw_similarity(cfg, str(tmp_path / 'model.pth'), out) == FILES
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert set(np.load(out / 'similarity.npz')) == {
        'ids', 'labels', 'classes', 'scores', 'positive', 'negative', 'weight_video', 'weight_caption', 'without_video',
        'without_caption'
    }
    table = (out / 'modalities.md').read_text().splitlines()
    assert [row.split(' | ')[0] for row in table[2:]] == ['| all', '| without video', '| without caption']
    assert [row.split(' | ')[-1] for row in table[2:]] == ['7 |', '4 |', '7 |']


def test_another_model_is_refused():
    model = dict(type='Recognizer3D', backbone=dict(type='AdapterViT', arch=TINY, img_size=SIDE, patch_size=8),
                 cls_head=dict(type='LinearVideoHead', num_classes=7, in_channels=24))
    with pytest.raises(ValueError, match='no FineCLIPERHead'):
        measure_similarity(Config(dict(model=model)), 'none.pth')


def test_clips_are_of_each_class_in_turn():
    labels = np.array([1, 1, 0, 1, 0, 2])
    assert spread_over_classes(labels, 4) == [2, 4, 0, 5]
    assert spread_over_classes(labels, 99) == [2, 4, 0, 1, 3, 5]
