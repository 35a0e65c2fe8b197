"""The refinement tool end to end: earlier files stay whole, decisions are kept, followed and taken up again."""
import json
from functools import partial

import pytest

from mmdfer.captions import CaptionFileError, read_captions
from mmdfer.datasets import DFEWDataset
from mmdfer.preparation import refining
from mmdfer.preparation.refining import refined_path
from mmdfer.preparation.set_clips import set_clips
from mmdfer.text.tokenizer import count_tokens

refine_captions = partial(refining.refine_captions, count_tokens=count_tokens)
TEXTS = {
    '00001': 'In this video, the brows rise and the jaw drops slowly.', '00002': 'The lips part.',
    '00003': "I'm sorry, I cannot see it.",
    '00004': 'The cheeks rise as joy fills the face.', '00005': 'The man is happy. The lip corners move up and out.',
    '00006': ' '.join(f'The {side} brow moves {number} times up, down, in and out.' for number in range(14)
                      for side in ('left', 'right'))}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / 'captions.jsonl'
    path.write_text(''.join(json.dumps(dict(id=id, caption=text, source='mafw')) + '\n' for id, text in TEXTS.items()))
    return path


@pytest.fixture
def typed(monkeypatch):
    """Answers as a person types them; the end of the list is the end of the input."""
    def script(*answers):
        left = list(answers)

        def answer(_prompt=''):
            if not left:
                raise EOFError
            return left.pop(0)
        monkeypatch.setattr('builtins.input', answer)
        return left
    return script


def texts_of(path):
    return {caption.id: caption.caption for caption in read_captions(path).values()}


def test_refined_captions_and_report(source, capsys):
    before = source.read_bytes()
    report = refine_captions(source)
    found = texts_of(source.with_name('captions.refined.jsonl'))
    assert source.read_bytes() == before
    assert found['00001'] == 'The brows rise and the jaw drops slowly.' and found['00002'] == TEXTS['00002']
    assert found['00005'] == 'The lip corners move up and out.' and '00003' not in found
    assert json.loads(source.with_name('captions.refined.report.json').read_text()) == report
    assert {outlier['id']: outlier['kinds'] for outlier in report['outliers']} == {
        '00002': ['too_short'], '00003': ['refusal'], '00004': ['emotion_words'],
        '00006': ['too_long', 'over_tokens', 'repetitive']}
    assert report['written'] == 5 and report['changes'] == dict(openings=1, refusals=1, sentences=1)
    assert report['lengths']['tokens']['max'] > 248
    assert "1 to look at: over Long-CLIP's tokens (such as 00006)" in capsys.readouterr().out
    about = read_captions(source.with_name('captions.refined.jsonl'))['1'].about
    assert about == dict(source='mafw', refined=['openings'])


def test_review_is_taken_up_where_it_ended(source, typed, capsys):
    out = source.with_name('captions.refined.jsonl')
    typed('what', 'accept', 'a', 'd')               # 2 accepted, 3 has no text to accept and is dropped, then the end
    report = refine_captions(source, ask=True)
    assert report['decisions'] == dict(accept=1, drop=1) and 'there is no text to accept' in capsys.readouterr().out
    assert [outlier['id'] for outlier in report['outliers']] == ['00004', '00006']

    left = typed('e', '', 'e', 'The cheeks rise, a joy.', 's')
    report = refine_captions(source, ask=True)
    assert not left and '(this text: still names an emotion)' in capsys.readouterr().out
    assert [outlier['id'] for outlier in report['outliers']] == ['00006']
    assert texts_of(out)['00004'] == 'The cheeks rise, a joy.'
    assert read_captions(out)['4'].about['refined'] == ['edited']

    typed('d')
    assert refine_captions(source, ask=True)['outliers'] == []
    assert set(texts_of(out)) == {'00001', '00002', '00004', '00005'}
    refine_captions(source)                         # decisions hold without asking
    assert '00006' not in texts_of(out)


def test_a_decision_holds_for_the_text_it_was_made_on(source, typed):
    typed('d', 'q')
    refine_captions(source, ask=True)
    assert '00002' not in texts_of(refined_path(source))
    source.write_text(source.read_text().replace('The lips part.', 'The lips close.'))
    assert texts_of(refined_path(source)).get('00002') is None
    assert [outlier['id'] for outlier in refine_captions(source)['outliers']][0] == '00002'
    assert texts_of(refined_path(source))['00002'] == 'The lips close.'


def test_half_written_decision_is_dropped_and_a_wrong_one_named(source, typed, capsys):
    typed('a')
    refine_captions(source, ask=True)
    decisions = source.with_name('captions.refined.decisions.jsonl')
    whole = decisions.read_bytes()
    decisions.write_bytes(whole + whole[:-9])
    assert refine_captions(source)['decisions'] == dict(accept=1) and decisions.read_bytes() == whole
    assert 'its last line is half-written and was dropped' in capsys.readouterr().out
    decisions.write_bytes(whole + b'{"id": "1", "choice": "keep", "seen": ""}\n')
    with pytest.raises(CaptionFileError, match='decisions.jsonl:2: is no decision; expected id, choice'):
        refine_captions(source)


def test_sources_that_cannot_be_refined_are_named(source, tmp_path):
    refine_captions(source)
    with pytest.raises(CaptionFileError, match='would replace their source; give another --out'):
        refine_captions(source, source)
    with pytest.raises(CaptionFileError, match='is refined already'):
        refine_captions(refined_path(source))
    (tmp_path / 'sorry.jsonl').write_text('{"id": "1", "caption": "I cannot see it."}\n')
    with pytest.raises(CaptionFileError, match='nothing is left of any of its 1 captions'):
        refine_captions(tmp_path / 'sorry.jsonl')
    assert not (tmp_path / 'sorry.refined.jsonl').exists()


def test_captions_are_checked_against_the_lists_of_the_set(source, dfew):
    ids = [clip.name for clip in set_clips(DFEWDataset, str(dfew))[0]]
    report = refine_captions(source, ids=ids)
    assert report['without'] == ['00003', *(f'{number:05d}' for number in range(7, 22))]
    with source.open('a') as file:
        file.write('{"id": "00022", "caption": "The lips part and close."}\n')
    with pytest.raises(CaptionFileError, match='1 of 7 captions are of clips that are not in the set .such as 00022'):
        refine_captions(source, ids=ids)
