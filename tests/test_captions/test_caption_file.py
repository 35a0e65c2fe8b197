"""Files of captions: read with named errors, written whole, resumed from what a killed run left."""
import json

import pytest

from mmdfer.captions import Caption, CaptionFileError, CaptionJournal, read_captions, write_captions
from mmdfer.files import WriteError


def write_lines(path, *entries, end='\n'):
    lines = [entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False) for entry in entries]
    path.write_bytes(('\n'.join(lines) + end).encode())
    return path


CAPTIONS = [Caption('00012', 'The brows rise\u2028and fall.', dict(source='mafw', frames=[1, 2])),
            Caption('Action/Happy/0267', '眉毛上扬 “so”', {}), Caption('7.mp4', 'A\nB', dict(model='m'))]


def test_what_is_written_is_read(tmp_path):
    write_captions(CAPTIONS, tmp_path / 'new' / 'captions.jsonl')
    found = read_captions(tmp_path / 'new' / 'captions.jsonl')
    assert list(found.values()) == CAPTIONS
    assert list(found) == ['12', 'Action/Happy/267', '7']
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['captions.jsonl']


@pytest.mark.parametrize('data', [
    b'\xef\xbb\xbf{"id": "00001", "caption": "a b"}\r\n\r\n{"id": 2, "caption": "c"}\r\n',
    b'{"id": "00001", "caption": "a b"}\n{"id": 2, "caption": "c"}'])
def test_hand_made_files_are_read(tmp_path, data):
    (tmp_path / 'c.jsonl').write_bytes(data)
    found = read_captions(tmp_path / 'c.jsonl')
    assert {key: caption.caption for key, caption in found.items()} == {'1': 'a b', '2': 'c'}


@pytest.mark.parametrize('lines, message', [
    ([dict(id='00012', caption='a'), dict(id='12.mp4', caption='b')],
     ':2: clip 12.mp4 has a caption in line 1 already'),
    ([dict(id='1', caption='a'), dict(id='2', text='b')], ":2: has no 'caption' .it has 'id', 'text'."),
    ([dict(caption='a')], ":1: has no 'id'"), ([dict(id='1', caption=' ')], ':1: the caption of 1 is empty'),
    ([dict(id='1', caption=None)], ':1: caption=None is no text'), ([dict(id='', caption='a')], ":1: 'id' is empty"),
    (['1,The brows rise.'], ':1: is no JSON object .*expected one'), (['[1, 2]'], ':1: is no JSON object'),
    ([dict(id='1', caption='a'), '{"id": "2", "cap'], ':2: is no JSON object .*expected'), ([''], 'holds no caption')])
def test_bad_lines_are_named(tmp_path, lines, message):
    with pytest.raises(CaptionFileError, match=f'c.jsonl.*{message}'):
        read_captions(write_lines(tmp_path / 'c.jsonl', *lines))


def test_a_file_cut_short_is_told(tmp_path):
    with pytest.raises(CaptionFileError, match=':2: .*cut short: start the tool that wrote it again'):
        read_captions(write_lines(tmp_path / 'c.jsonl', dict(id='1', caption='a'), '{"id": "2", "cap', end=''))
    with pytest.raises(CaptionFileError, match='none.jsonl: cannot be read .*mmdfer captions'):
        read_captions(tmp_path / 'none.jsonl')


@pytest.mark.parametrize('encoding, remedy', [('gbk', 'iconv -f GBK -t UTF-8'), ('utf-16', 'iconv -f UTF-16 -t UTF-8')])
def test_other_encodings_are_told_with_the_remedy(tmp_path, encoding, remedy):
    text = ''.join(json.dumps(dict(id=str(number), caption=caption), ensure_ascii=False) + '\n'
                   for number, caption in enumerate(('plain', '眉毛上扬')))
    (tmp_path / 'c.jsonl').write_bytes(text.encode(encoding))
    line = 2 if encoding == 'gbk' else 1
    with pytest.raises(CaptionFileError, match=f':{line}: is not UTF-8; .*{remedy}'):
        read_captions(tmp_path / 'c.jsonl')


def test_clips_that_are_not_in_the_set_are_told(tmp_path):
    path = write_lines(tmp_path / 'c.jsonl', dict(id='00012', caption='a'), dict(id='13', caption='b'))
    assert len(read_captions(path, ids=['12.mp4', '00013', '00014'])) == 2
    with pytest.raises(CaptionFileError, match='1 of 2 captions are of clips that are not in the set .such as 13;'):
        read_captions(path, ids=['12.mp4', '00014'])


@pytest.mark.parametrize('cut', [1, 5, 30])
def test_a_journal_goes_on_after_any_cut(tmp_path, capsys, cut):
    journal = CaptionJournal(tmp_path / 'c.jsonl')
    journal.append(CAPTIONS[:1])
    journal.append(CAPTIONS[1:])
    journal.close()                                             # as the end of a process does, in whatever way
    path = tmp_path / 'c.jsonl.journal'
    path.write_bytes(path.read_bytes()[:-cut])
    again = CaptionJournal(tmp_path / 'c.jsonl')
    assert list(again.captions.values()) == CAPTIONS[:2]
    assert 'its last line is half-written and was dropped' in capsys.readouterr().out
    again.append(CAPTIONS[2:])
    assert not (tmp_path / 'c.jsonl').exists()
    again.finish(again.captions.values())
    assert list(read_captions(tmp_path / 'c.jsonl').values()) == CAPTIONS and not path.exists()


def test_two_processes_do_not_caption_into_one_file(tmp_path):
    with CaptionJournal(tmp_path / 'c.jsonl') as journal:
        journal.append(CAPTIONS[:1])
        with pytest.raises(WriteError, match='c.jsonl.journal: another process is writing it'):
            CaptionJournal(tmp_path / 'c.jsonl')
    with CaptionJournal(tmp_path / 'c.jsonl') as journal:
        assert list(journal.captions.values()) == CAPTIONS[:1]


def test_a_failed_write_leaves_the_earlier_file(tmp_path):
    path = tmp_path / 'c.jsonl'
    write_captions(CAPTIONS, path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_captions([CAPTIONS[0], Caption('2', 'a', dict(frames={1}))], path)
    assert path.read_bytes() == before and [entry.name for entry in tmp_path.iterdir()] == ['c.jsonl']
