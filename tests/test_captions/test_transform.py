"""LoadCaption finds a clip's caption by its name, and the demo set's captions tell what its faces do."""
import json
import re

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS

from mmdfer.captions import Caption, CaptionFileError, read_captions, write_captions
from mmdfer.captions.outliers import outlier_kinds
from mmdfer.captions.refine import Rules
from mmdfer.datasets import DFEWDataset
from mmdfer.synthetic import CLASSES, Options, make_dataset, sample_performance
from mmdfer.synthetic.captions import FALLS, PHRASES, RISES, SEEN, describe, write_demo_captions
from mmdfer.synthetic.plan import Item
from mmdfer.synthetic.writer import _annotate
from mmdfer.text.tokenizer import count_tokens


def load(root, number='00012', **kwargs):
    results = dict(clip=str(root / 'Clip' / 'clip_224x224' / '00012'), video_id=number)
    return TRANSFORMS.build(dict(type='LoadCaption', **kwargs))(results)['caption']


@pytest.mark.parametrize('number', ['00012', '12', '12.mp4'])
def test_a_clip_is_known_by_any_of_its_names(tmp_path, number):
    write_captions([Caption('0012.avi', 'the lips part'), Caption('13', 'no')], tmp_path / 'captions.jsonl')
    assert load(tmp_path, number) == 'the lips part'


def test_refined_captions_come_first_and_a_named_file_before_all(tmp_path):
    for name, text in (('captions.jsonl', 'raw'), ('captions.refined.jsonl', 'refined'), ('other.jsonl', 'other')):
        write_captions([Caption('12', text)], tmp_path / name)
    assert load(tmp_path) == 'refined'
    assert load(tmp_path, file='captions.jsonl') == 'raw'
    assert load(tmp_path, file=str(tmp_path / 'other.jsonl')) == 'other'
    write_captions([Caption('12', 'refined again')], tmp_path / 'captions.refined.jsonl')
    assert load(tmp_path) == 'refined again'
    with pytest.raises(CaptionFileError, match='no file mine.jsonl of captions in a folder above .*00012; make it'):
        load(tmp_path, file='mine.jsonl')


def test_an_items_own_caption_stays(tmp_path):
    results = dict(clip=str(tmp_path / 'a'), video_id='a', caption='of the list')
    assert TRANSFORMS.build(dict(type='LoadCaption', missing='error'))(results)['caption'] == 'of the list'


def test_missing_captions_are_blank_or_named(tmp_path):
    assert load(tmp_path) == ''
    with pytest.raises(CaptionFileError, match='its set has no captions.jsonl; make it by mmdfer captions'):
        load(tmp_path, missing='error')
    write_captions([Caption('13', 'a'), Caption('14', '')], tmp_path / 'captions.jsonl')
    assert load(tmp_path) == load(tmp_path, '14') == ''
    for number in ('12', '14'):
        with pytest.raises(CaptionFileError, match=f'captions.jsonl: has no caption of clip {number};'):
            load(tmp_path, number, missing='error')
    with pytest.raises(ValueError, match="missing='skip'; choose 'blank', 'error' or 'leave_out'"):
        load(tmp_path, missing='skip')


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'demo'
    make_dataset(out, Options(seed=3, subjects=7, clips=35, static=0, size=32))
    write_demo_captions(out, 3)
    return out


def test_captions_come_with_the_clips_of_the_demo_set(demo):
    pipeline = [dict(type='ClipInit'), dict(type='SampleSegments', num_frames=2, test_mode=True),
                dict(type='ClipDecode'), dict(type='LoadCaption', missing='error'),
                dict(type='FormatShape', input_format='NCTHW'),
                dict(type='PackActionInputs', meta_keys=('video_id', 'caption'))]
    dataset = DFEWDataset(pipeline, data_root=str(demo), fold=1, split='test')
    captions = read_captions(demo / 'captions.jsonl', ids=[str(number) for number in range(1, 36)])
    assert len(captions) == 35
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        assert sample.caption == captions[sample.video_id].caption


def test_demo_captions_are_a_seeds(demo):
    before = (demo / 'captions.jsonl').read_bytes()
    write_demo_captions(demo, 4)
    assert (demo / 'captions.jsonl').read_bytes() != before
    write_demo_captions(demo, 3)
    assert (demo / 'captions.jsonl').read_bytes() == before


def notes_of(name, count=40):
    for seed in range(count):
        rng = np.random.default_rng([seed, 5])
        frames = int(rng.integers(16, 41))
        note = _annotate(Item('clip', seed + 1, 1, name), sample_performance(name, frames, rng), frames)
        yield json.loads(json.dumps(note)), rng


@pytest.mark.parametrize('name', CLASSES)
def test_demo_captions_tell_the_units_and_nothing_else(name):
    """Every phrase of a unit is said if and only if the unit moves; no caption names an emotion."""
    rules = Rules()
    for note, rng in notes_of(name):
        text = describe(note, rng)
        assert not set(outlier_kinds(text, rules, count_tokens(text))) - {'repetitive'}
        for unit, phrases in PHRASES.items():
            peak = note['peaks'].get(f'AU{unit}', 0)
            said = any(phrase in text.lower() for phrase in phrases)
            assert not said or peak >= 0.1
            assert said or peak < SEEN or note['onset'] is None


def test_time_alone_tells_surprise_from_fear():
    def rises_faster(text):
        kinds = {part: [kind for kind, phrases in table.items() if any(phrase in text for phrase in phrases)]
                 for part, table in (('rise', RISES), ('fall', FALLS))}
        speeds = ('slow', 'even', 'fast')
        return speeds.index(kinds['rise'][0]) - speeds.index(kinds['fall'][0])
    assert all(rises_faster(describe(*pair)) > 0 for pair in notes_of('surprise'))
    assert all(rises_faster(describe(*pair)) < 0 for pair in notes_of('fear'))
    assert not any(re.search('surprise|fear', describe(*pair).lower()) for pair in notes_of('fear'))
