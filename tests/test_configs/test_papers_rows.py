"""Rows as the papers have them: parameters against the papers' millions, recipes, and what a row leaves out."""
import math

import pytest
import torch
from torch import nn

from mmdfer.blending import ClippedMixupBlending
from mmdfer.config_rows import find_row, read_rows, row_files
from mmdfer.engine import WarmUpCosineLR
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config

# What the papers print, in millions, and what their parts come to by their formulas.
MILLIONS = {
    'pe_clip': dict(ta=(0.8, 0.793), adapters=(6, 5.845), class_names=(None, 5.845), full=(9, 9.400),
                    ta_prompts=(4, 4.348), ta_text_sha_prompts=(5, 5.142), vision_sha_tda_prompts=(8, 7.813),
                    ta_both_sha_prompts=(7, 6.921), adapters_prompts=(9, 9.400), tda_vanilla=(9, 8.70),
                    tda_rnn=(9, 8.95), tda_lstm=(10, 9.62), tda_gru=(9, 9.400), scaling_none=(9, 9.39),
                    scaling_input=(9, 9.400), scaling_recurrent=(9, 9.400), scaling_post_up=(9, 9.400),
                    reduction_4=(17, 16.51), reduction_8=(9, 9.400), reduction_16=(6, 6.34)),
    'fe_adapter': dict(d2conv3d=(6.6, 6.63), depthwise_336=(None, 6.65)),
    'finecliper': dict(base=(13, 13.4), parsing_landmarks=(19, 18.8), captions=(14, 14.2), all=(20, 19.6)),
}


@pytest.mark.parametrize('paper', MILLIONS)
def test_rows_have_the_papers_millions(paper):
    """Counts of rows are those of models built in test_every_config; PE-CLIP prints whole millions, FineCLIPER fits."""
    for name, (printed, parts) in MILLIONS[paper].items():
        row, _ = find_row(f'{paper}/{name}')
        digits = max(len(str(parts).partition('.')[2]), 1)
        assert abs(row.tunable / 1e6 - parts) <= 0.51 * 10**-digits + (0.0005 if paper == 'pe_clip' else 0), name
        if printed is not None:
            assert abs(row.tunable / 1e6 - printed) < (0.55 if printed >= 1 else 0.05), name


def texts_and_prompts(name):
    head = load_config(name).model.cls_head
    return head.texts.source, head.prompts


def test_pe_clips_rows_of_class_names_learn_no_prompts():
    for name in ('ta', 'adapters', 'class_names'):
        assert texts_and_prompts(f'pe_clip/{name}') == ('noun', None)
    assert load_config('pe_clip/adapters').model == load_config('pe_clip/class_names').model
    assert texts_and_prompts('pe_clip/coop')[0] == 'noun' and texts_and_prompts('pe_clip/coop_au')[0] == 'action_units'
    assert texts_and_prompts('pe_clip/descriptions') == ('descriptions', dict(context=8, class_specific=True))
    table_6 = [row.row for row in read_rows(row_files()['pe_clip']).rows if row.group == 'which adapters']
    assert len(table_6) == 5
    for name in table_6:
        source, prompts = texts_and_prompts(f'pe_clip/{name}')
        assert source == 'action_units' and prompts.vision == 'coupled'


def test_fineclipers_positive_row_has_no_negatives_and_its_none_is_named():
    none, positive, both, video = (load_config(f'finecliper/adapters_{name}').model for name in (
        'none', 'positive', 'positive_negative', 'video'))
    assert [bool(one.cls_head.negative_encoder) for one in (none, positive, both, video)] == [False, False, True, False]
    assert [len(one.cls_head.text_encoder.adapters) for one in (none, positive, both, video)] == [0, 2, 2, 0]
    assert [len(one.backbone.adapters) for one in (none, positive, both, video)] == [0, 0, 0, 3]
    row, _ = find_row('finecliper/adapters_none')
    assert 'DFER-CLIP' in row.title and 'DFER-CLIP' in row.about


def test_a_recipe_is_one_change_and_says_what_it_does():
    paper, release = load_config('pe_clip_vitb16_dfew'), load_config('pe_clip_vitb16_dfew', dict(recipe='release'))
    assert release._cfg_dict == load_config('pe_clip/release')._cfg_dict and 'recipes' not in paper
    assert release.model.cls_head.prompts.init is None and paper.model.cls_head.prompts.init == 'a photo'
    assert release.model.backbone.adapters.tda.zero_bias and release.default_hooks.checkpoint.save_best == 'war'
    kinds = {name: [step.type for step in load_config(f'pe_clip_vitb16_{name}', dict(
        recipe='release')).train_dataloader.dataset.pipeline] for name in ('dfew', 'ferv39k', 'mafw', 'afew')}
    assert ['ClipColorJitter' in kinds[name] for name in kinds] == [True, False, False, True]
    assert ['TorchVisionWrapper' in kinds[name] for name in kinds] == [False, True, False, False]
    crop, = (step for step in release.train_dataloader.dataset.pipeline if step.type == 'RandomResizedCrop')
    assert tuple(crop.area_range) == (0.08, 1.0)
    afew = load_config('pe_clip_vitb16_afew', dict(recipe='release'))
    assert (afew.train_cfg.max_epochs, afew.optim_wrapper.optimizer.lr) == (25, 1e-4)


def test_rows_of_every_kind_take_the_releases_recipe():
    for row in ('coop', 'descriptions', 'tda_vanilla', 'tda_lstm', 'scaling_none', 'vision_sha_tda_prompts'):
        cfg = load_config(f'pe_clip/{row}', dict(recipe='release'))
        assert cfg.param_scheduler[0].type == 'WarmUpCosineLR'
        for tower in (cfg.model.backbone, cfg.model.cls_head.text_encoder):
            for adapter in filter(None, tower.adapters.values()):
                settings = {key: value for key, value in adapter.items() if key not in ('slot', 'across_batch')}
                MODELS.build(dict(settings, dim=32))


def test_a_recipe_leaves_out_what_a_row_leaves_out_and_one_that_is_not_there_is_told():
    cfg = load_config('pe_clip/ta', dict(recipe='release'))
    assert cfg.model.backbone.adapters.tda is None and cfg.model.cls_head.prompts is None
    with pytest.raises(ValueError, match="recipe='relaese': the config has no such recipe; did you mean 'release'"):
        load_config('pe_clip_vitb16_dfew', dict(recipe='relaese'))


def test_the_releases_warm_up_begins_with_one_rate_for_all_and_its_cosine_has_its_own_length():
    layers = nn.Linear(1, 1), nn.Linear(1, 1)
    optimizer = torch.optim.AdamW([dict(params=layers[0].parameters(), lr=2e-4),
                                   dict(params=layers[1].parameters(), lr=3e-5)])
    schedule = WarmUpCosineLR(optimizer, start_lr=2e-5, warm_up=3, length=30)
    found = []
    for _ in range(20):
        found.append([group['lr'] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    assert found[0] == [2e-5, 2e-5]
    assert found[1] == pytest.approx([8e-5, 2.333333e-5], rel=1e-5)
    assert found[3] == pytest.approx([rate * (1 + math.cos(math.pi * 3 / 30)) / 2 for rate in (2e-4, 3e-5)])
    assert found[15] == pytest.approx([1e-4, 1.5e-5])
    with pytest.raises(ValueError, match='length of 1 or more'):
        WarmUpCosineLR(optimizer, start_lr=2e-5, warm_up=3, length=0)


def test_clipped_mixup_keeps_each_pair_a_mixture():
    torch.manual_seed(0)
    mix, labels = ClippedMixupBlending(2, alpha=0.1), torch.eye(2)
    clips, shares = torch.tensor([0., 1.]).view(2, 1, 1, 1, 1), set()
    for _ in range(40):
        mixed, soft = mix.do_blending(clips, labels)
        torch.testing.assert_close(soft[:, 1], mixed.flatten())
        shares.add(round(float(soft[0, 0]), 4))
    assert shares <= {0.3, 0.7, 1.0} | {share for share in shares if 0.3 < share < 0.7} and {0.3, 0.7} <= shares
    with pytest.raises(ValueError, match='low=0.8, high=0.7'):
        ClippedMixupBlending(2, low=0.8)


def test_tdas_biases_start_at_zero_where_asked():
    adapter = MODELS.build(dict(type='TemporalDynamicAdapter', dim=16, zero_bias=True))
    assert not adapter.gate.bias.any() and not adapter.down.bias.any() and adapter.down.weight.any()
    plain = MODELS.build(dict(type='TemporalDynamicAdapter', dim=16))
    assert plain.down.bias.any()
    assert MODELS.build(dict(type='TemporalDynamicAdapter', dim=16, scaling='none', zero_bias=True)).gate is None


def test_one_path_serves_rows_of_several_image_sets(tmp_path):
    from mmdfer.run_towers import set_image_checkpoint
    for name in ('affectnet', 'rafdb'):
        (tmp_path / f'vitb_{name}.pth').touch()
    pattern = str(tmp_path / 'vitb_{image_set}.pth')
    for row, name in (('d2conv3d', 'affectnet'), ('image_affectnet', 'affectnet'), ('image_rafdb', 'rafdb')):
        cfg = load_config(f'fe_adapter/{row}')
        set_image_checkpoint(cfg, pattern)
        assert cfg.model.backbone.init_cfg.checkpoint == str(tmp_path / f'vitb_{name}.pth')
    with pytest.raises(ValueError, match='vitb_ferplus.pth: no such file'):
        set_image_checkpoint(load_config('fe_adapter/image_ferplus'), pattern)
    with pytest.raises(ValueError, match='the config has no image_set'):
        set_image_checkpoint(load_config('pe_clip_vitb16_dfew'), pattern)
