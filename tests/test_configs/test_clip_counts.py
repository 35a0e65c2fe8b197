"""Tunable parameters of PE-CLIP, its ablations and the prompt baselines are the papers'."""
import pytest

from mmdfer.apis.configs import list_configs
from mmdfer.apis.counting import count_config, no_initialisers
from mmdfer.config_rows import read_rows, row_files
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config

from ..conftest import ROOT

VISION, TEXT, LAYERS = 768, 512, 12


def bottleneck(dim, reduction):
    width = dim // reduction
    return LAYERS * (2 * dim * width + width + dim)


def tda(reduction=8, gates=3, gate=True):
    """Norm, the gate a token, down and up, and a recurrent layer of ``gates`` products of input and state."""
    width = VISION // reduction
    return bottleneck(VISION, reduction) + LAYERS * (2 * VISION + gate * (VISION + 1) + gates *
                                                     (2 * width**2 + 2 * width))


def adapters(reduction=8):
    return 2 * bottleneck(TEXT, reduction) + bottleneck(VISION, reduction) + tda(reduction)


SHA_TEXT = TA = bottleneck(TEXT, 8)
SHA_VISION = bottleneck(VISION, 8)
MAPLE = 9 * 2 * TEXT + 9 * (TEXT * VISION + VISION)
COOP = 16 * TEXT
DFER_CLIP = 7 * 8 * TEXT                                    # eight words of its own for each class
MAPS = LAYERS * (2 * TEXT * VISION + TEXT + VISION)         # of a shared ShA, between the widths

# Config, tunable parameters in closed form, and millions as the paper has them, where it does.
PE_CLIP = {
    'full': (adapters() + MAPLE, 9.400), 'adapters': (adapters(), 5.845), 'ta': (TA, 0.793),
    'ta_prompts': (TA + MAPLE, 4.348), 'ta_text_sha_prompts': (TA + SHA_TEXT + MAPLE, 5.142),
    'vision_sha_tda_prompts': (SHA_VISION + tda() + MAPLE, 7.813),
    'ta_both_sha_prompts': (TA + SHA_TEXT + SHA_VISION + MAPLE, 6.921),
    'tda_rnn': (adapters() - tda() + tda(gates=1) + MAPLE, 8.95),
    'tda_lstm': (adapters() - tda() + tda(gates=4) + MAPLE, 9.62),
    'tda_vanilla': (adapters() - tda() + SHA_VISION + MAPLE, 8.70),
    'reduction_4': (adapters(4) + MAPLE, 16.51), 'reduction_16': (adapters(16) + MAPLE, 6.34),
    'class_names': (adapters(), 5.845), 'descriptions': (adapters() + DFER_CLIP, None),
    'scaling_none': (adapters() - tda() + tda(gate=False) + MAPLE, None),
    'coop': (adapters() + COOP, None), 'coop_au': (adapters() + COOP, None),
    'shared_modalities': (adapters() - SHA_TEXT + MAPS + MAPLE, None),
}
# Those that change something else than parameters.
AS_FULL = ('tda_gru', 'scaling_input', 'scaling_recurrent', 'scaling_post_up', 'reduction_8', 'adapters_prompts',
           'maple_au', 'across_batch', 'frames_0_to_1', 'no_mixing', 'release')
PE_CLIP.update((name, PE_CLIP['full']) for name in AS_FULL)


ROWS = {row.row: row for row in read_rows(row_files()['pe_clip']).rows}


def test_every_ablation_is_counted():
    assert set(ROWS) == set(PE_CLIP)


@pytest.mark.parametrize('name', PE_CLIP)
def test_ablations_have_the_papers_counts(name):
    """What the rows tell, which test_every_config.py holds against the models."""
    expected, millions = PE_CLIP[name]
    assert ROWS[name].tunable == expected
    # The paper's figures are rounded or cut at the last digit.
    assert millions is None or expected / 1e6 == pytest.approx(millions, abs=0.005)
    assert f'| {expected:,} |' in (ROOT / 'configs/ablations/README.md').read_text()


TOLD = {config.name: config for config in list_configs(rows=False)}


def test_pe_clip_has_the_papers_count_whatever_the_classes():
    found = count_config(load_config('pe_clip_vitb16_mafw'))
    assert found['tunable'] == 9_399_564 and found['tunable_adapters'] == 5_844_492
    assert found['modules']['backbone.adapters.tda']['tunable'] == 12 * 206_497
    for dataset in ('dfew', 'ferv39k', 'mafw'):
        assert TOLD[f'pe_clip_vitb16_{dataset}'].tunable == 9_399_564
        assert TOLD[f'zero_shot_clip_vitb16_{dataset}'].tunable == 0


@pytest.mark.parametrize('name, expected', [
    ('maple', 3_555_072), ('coop', COOP), ('vpt', 12 * 8 * VISION),
    ('cocoop', 4 * TEXT + TEXT * 32 + 32 + 32 * TEXT + TEXT)])
def test_prompt_baselines_have_their_counts(name, expected):
    assert TOLD[f'baselines/{name}_vitb16_dfew'].tunable == expected


def test_dfer_clip_has_about_90_millions():
    assert TOLD['baselines/dfer_clip_vitb32_dfew'].tunable / 1e6 == pytest.approx(90, abs=0.5)
    assert TOLD['baselines/dfer_clip_vitb16_dfew'].tunable / 1e6 == pytest.approx(88.3, abs=0.5)


def test_initialisers_are_back_after_counting():
    model = dict(type='BottleneckAdapter', dim=8, reduction=2)
    with no_initialisers():
        MODELS.build(model)
    assert not MODELS.build(model).up.weight.any()              # zero at the start, whatever the memory held
