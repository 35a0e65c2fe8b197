"""The whole check: what is printed and written, the exit status, and full-size copies of the official layouts."""
import json
import os
import runpy
import shutil
import sys

import cv2
import pytest

from mmdfer.preparation.check import check_dataset
from mmdfer.visualization import contact_sheet

from ..conftest import ROOT
from ..official_layouts import (
    write_afew_copy,
    write_dfew_copy,
    write_ferv39k_copy,
    write_folder_copy,
    write_list,
    write_mafw_copy,
)


@pytest.fixture(scope='module')
def dfew(tmp_path_factory):
    return write_dfew_copy(tmp_path_factory.mktemp('data') / 'DFEW', (14, 14, 14, 14, 14), None, None)


def test_report_and_picture(dfew, tmp_path, capsys):
    os.makedirs(dfew / 'Clip' / 'clip_224x224_16f', exist_ok=True)
    report = check_dataset('dfew', str(dfew), out=str(tmp_path), published=False, draw=contact_sheet)
    assert json.loads((tmp_path / 'report.json').read_text()) == json.loads(json.dumps(report))
    assert report['faults'] == [] and [note['kind'] for note in report['notes']] == ['short']
    assert report['clips'] == dict(listed=70, present=70, readable=70, frames=dict(mean=2.0, min=2, max=2),
                                   sizes={'16x16': 70})
    assert report['other_folders'] == ['clip_224x224_16f'] and report['folder'].endswith('clip_224x224')
    first = report['lists'][0]
    assert (first['setup'], first['split'], first['clips'], sum(first['classes'].values())) == ('fold 1', 'train', 56,
                                                                                                56)
    printed = capsys.readouterr().out
    assert '| dfew | fold 5 test | 14 |  | 2 2 2 2 2 2 2 |' in printed and 'no fault found' in printed
    assert 'separated by commas, with header, UTF-8, CRLF; labels 1 to 7 in the official order' in printed
    picture = cv2.imread(str(tmp_path / 'examples.png'))
    assert picture.shape[1] > 1000 and picture.std() > 20


def test_faults_are_printed_and_counted(dfew, tmp_path, capsys):
    root = shutil.copytree(dfew, tmp_path / 'DFEW')
    shutil.rmtree(root / 'Clip/clip_224x224/00004')
    report = check_dataset('dfew', str(root), out=str(tmp_path / 'out'))
    printed = capsys.readouterr().out
    assert 'fault: missing clip' in printed and 'lists 56 clips; published: 9356' in printed
    assert f'{len(report["faults"])} faults found' in printed
    assert report['clips']['listed'] == 70 and report['clips']['present'] == 69


def test_every_damaged_frame_is_named(dfew, tmp_path, capsys):
    root = shutil.copytree(dfew, tmp_path / 'DFEW')
    clips = root / 'Clip/clip_224x224'
    hurt = dict.fromkeys(['00002/00001.jpg', '00002/00002.jpg',
                          *(f'{number:05d}/00002.jpg' for number in range(10, 40))])
    for name in hurt:
        data = (clips / name).read_bytes()
        start = data.index(b'\xff\xda') + 14
        (clips / name).write_bytes(data[:start + 4] + bytes(16) + data[start + 20:])
    (clips / '00050/00001.jpg').write_bytes((clips / '00050/00001.jpg').read_bytes()[:-40])
    report = check_dataset('dfew', str(root), decode='all', out=str(tmp_path / 'out'), published=False)
    found = {fault['kind']: fault for fault in report['faults']}
    assert list(found['damaged frame']['examples']) == list(hurt) and found['damaged frame']['count'] == 31
    assert list(found['cut frame']['examples']) == ['00050/00001.jpg']
    assert '31 clips, 32 frames: ' in found['damaged frame']['message']
    printed = capsys.readouterr().out
    assert all(name in printed for name in hurt)


@pytest.mark.parametrize('kind, root, message', [
    ('dfew', '/no/such', '/no/such: no such folder'),
    ('fer39k', '.', "'fer39k' is no data set known here: did you mean 'ferv39k'. choose one of"),
    ('dfew', '.', 'no such clip folder'), ('mafw', '.', 'no such clip folder'),
])
def test_folders_that_are_none(kind, root, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        check_dataset(kind, root, out=str(tmp_path))


def test_the_order_of_a_copy_with_numbers_can_be_given(tmp_path, capsys):
    root = write_mafw_copy(tmp_path / 'MAFW', (11, 11, 11, 11, 11), 86)
    shutil.rmtree(root / 'Train & Test Set/compound')
    shutil.rmtree(root / 'Train & Test Set/single/with_caption')
    order = [
        'anger', 'anxiety', 'contempt', 'disappointment', 'disgust', 'fear', 'happiness', 'helplessness', 'neutral',
        'sadness', 'surprise'
    ]
    for path in (root / 'Train & Test Set').rglob('*.txt'):
        pairs = [line.split() for line in path.read_text().splitlines()]
        write_list(path, [f'{clip} {order.index(name)}' for clip, name in pairs])
    report = check_dataset('mafw', str(root), out=str(tmp_path / 'out'), published=False)
    assert {fault['kind'] for fault in report['faults']} == {'unreadable list'}
    assert 'set class_order' in report['faults'][0]['message']
    report = check_dataset('mafw', str(root), out=str(tmp_path / 'out'), published=False, class_order='alphabetical')
    assert report['faults'] == [] and set(report['lists'][0]['classes'].values()) == {4}
    capsys.readouterr()


def test_exit_status(tmp_path, monkeypatch, capsys):
    root = write_folder_copy(tmp_path / 'AFEW', 2)
    monkeypatch.delenv('MMDFER_TRACEBACK', raising=False)
    monkeypatch.setattr('mmdfer.visualization.contact_sheet', lambda *args: None)        # takes seconds

    def status(*args):
        monkeypatch.setattr(sys, 'argv', ['check_dataset.py', *map(str, args), '--out', str(tmp_path / 'out')])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / 'tools/data/check_dataset.py'), run_name='__main__')
        return ended.value.code, capsys.readouterr()

    code, said = status('folder', root)
    assert code == 0 and '| folder | folders val | 14 |' in said.out
    for frame in (root / 'train' / 'Happy' / '000000001').iterdir():
        frame.unlink()
    code, said = status('folder', root, '--decode', 'none', '--workers', '1')
    assert code == 1 and 'fault: no frames' in said.out and '1 fault found' in said.out
    code, said = status('dfew', root)
    assert code == 2 and 'error: ' in said.err and 'no such clip folder' in said.err


@pytest.mark.slow
@pytest.mark.parametrize('kind, write, clips, decode, workers', [
    ('dfew', write_dfew_copy, 11697, 'first', 2), ('mafw', write_mafw_copy, 10045, 'first', 1),
    ('ferv39k', write_ferv39k_copy, 38935, 'none', 1), ('afew', write_afew_copy, 1156, 'all', 1)])
def test_a_full_size_copy_passes(kind, write, clips, decode, workers, tmp_path, capsys):
    """Every list line of the official layout, with the published sizes."""
    root = write(tmp_path / kind, frames=1)
    report = check_dataset(kind, str(root), out=str(tmp_path / 'out'), decode=decode, workers=workers)
    assert report['faults'] == [], report['faults']
    assert report['clips']['listed'] == report['clips']['readable'] == clips
    capsys.readouterr()
