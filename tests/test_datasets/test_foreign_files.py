"""What systems and programs leave in folders is no frame, clip or video, and what cannot be read is told."""
import cv2
import numpy as np
import pytest

from mmdfer.clip_names import FRAME_SUFFIXES, VIDEO_SUFFIXES, clip_key, is_foreign
from mmdfer.datasets import BadClipError, VideoFolderDataset
from mmdfer.datasets.clips import Clip, list_frames
from mmdfer.datasets.dfer_dataset import walk_clips
from mmdfer.datasets.packed.layout import Source
from mmdfer.preparation.checking.clips import inspect_clip
from mmdfer.preparation.set_clips import folder_clips
from mmdfer.video.sources import find_sources

from ..conftest import write_clip

JUNK = b'\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ' + bytes(200)
FOREIGN_FILES = ('._00001.jpg', '.DS_Store', '.tmp.00009.jpg', 'Thumbs.db', 'desktop.ini', '.00002.jpg.88.partial')
FOREIGN_FOLDERS = ('.ipynb_checkpoints', '__MACOSX', '@eaDir', '.thumbnails')


def litter(folder, frames=True):
    for name in FOREIGN_FILES:
        (folder / name).write_bytes(JUNK)
    for name in FOREIGN_FOLDERS:
        write_clip(folder / name, 2)
    if frames:
        (folder / '00077.jpg').mkdir()                          # a folder named like a frame
        (folder / '._a.mp4').write_bytes(JUNK)


def write_video(path, frames=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path.with_name('video.mp4')), cv2.VideoWriter_fourcc(*'mp4v'), 25, (32, 32))
    for index in range(frames):
        writer.write(np.full((32, 32, 3), 20 * index, np.uint8))
    writer.release()
    path.with_name('video.mp4').rename(path)


def test_names():
    assert all(map(is_foreign, (*FOREIGN_FILES, *FOREIGN_FOLDERS, '$RECYCLE.BIN', 'System Volume Information')))
    assert not any(map(is_foreign, ('00001.jpg', 'clip', 'thumbs', 'a.mp4', '笑.mp4', '-1')))
    assert clip_key('007.m4v') == '7' and clip_key('x.WMV') == 'x' and clip_key('x.jpg') == 'x.jpg'


def test_frames_of_a_littered_folder_are_the_frames(tmp_path):
    write_clip(tmp_path / 'clip', 5)
    clean, source = Clip(tmp_path / 'clip').frames(range(5)), Source.of(str(tmp_path / 'clip'), FRAME_SUFFIXES)
    litter(tmp_path / 'clip')
    clip = Clip(tmp_path / 'clip')
    assert len(clip) == 5
    np.testing.assert_array_equal(clip.frames(range(5)), clean)
    assert Source.of(str(tmp_path / 'clip'), FRAME_SUFFIXES) == source            # a pack of it stays good
    report = inspect_clip(str(tmp_path / 'clip'), 'all')
    assert report['frames'] == 5 and not report['error'] and not report['gap'] and not report['unread']


def test_clips_of_a_littered_folder_are_the_clips(tmp_path):
    for number in (1, 2):
        write_clip(tmp_path / f'{number:05d}', 3)
    write_video(tmp_path / '00003.mp4')
    litter(tmp_path)
    assert sorted(key for key, _ in walk_clips(str(tmp_path), 1)) == ['1', '2', '3']
    for name in ('Happy', 'Sad'):
        write_clip(tmp_path / 'deep' / name / '1', 2)
        litter(tmp_path / 'deep' / name)
    assert sorted(key for key, _ in walk_clips(str(tmp_path / 'deep'), 2)) == ['Happy/1', 'Sad/1']


def test_class_folders_with_litter(tmp_path):
    for split in ('train', 'val'):
        for name in ('Happy', 'Sad'):
            write_video(tmp_path / split / name / 'one.mp4')
            litter(tmp_path / split / name)
        litter(tmp_path / split, frames=False)
    litter(tmp_path, frames=False)
    data = VideoFolderDataset(pipeline=[], data_root=str(tmp_path), split='train')
    assert len(data) == 2 and data.metainfo['classes'] == ('Happy', 'Sad')


def test_tools_for_own_folders_pass_over_litter(tmp_path):
    write_video(tmp_path / 'a.mp4')
    write_clip(tmp_path / 'b', 3)
    litter(tmp_path)
    assert [source.path for source in find_sources([str(tmp_path)])] == [str(tmp_path / 'a.mp4'), str(tmp_path / 'b')]
    clips, _ = folder_clips(str(tmp_path))
    assert [clip.path for clip in clips] == [str(tmp_path / 'a.mp4'), str(tmp_path / 'b')]


@pytest.mark.parametrize('suffix', [suffix for suffix in VIDEO_SUFFIXES if suffix in (
    '.m4v', '.wmv', '.mpg', '.flv', '.3gp', '.mts', '.ogv')] + ['.MOV', '.MP4'])
def test_videos_of_other_suffixes_are_read(tmp_path, suffix):
    write_video(tmp_path / 'train' / 'Happy' / f'one{suffix}')
    write_video(tmp_path / 'train' / 'Sad' / 'one.mp4')
    data = VideoFolderDataset(pipeline=[], data_root=str(tmp_path), split='train')
    assert len(data) == 2
    with Clip(data.get_data_info(0)['clip']) as clip:
        assert len(clip) == 10 and abs(int(clip.frame(5).mean()) - 100) < 6


@pytest.mark.parametrize('suffix', ['.bmp', '.webp', '.tif', '.tiff', '.jpe', '.PNG', '.JPEG'])
def test_pictures_of_other_suffixes_are_read(tmp_path, suffix):
    (tmp_path / 'clip').mkdir()
    for index in range(3):
        picture = np.full((16, 16, 3), 40 * index, np.uint8)
        (tmp_path / 'clip' / f'{index}{suffix}').write_bytes(cv2.imencode(suffix.lower(), picture)[1].tobytes())
    clip = Clip(tmp_path / 'clip')
    assert [int(frame.mean() + .5) for frame in clip.frames(range(3))] == [0, 40, 80]


def test_what_is_not_read_is_told(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr('mmdfer.datasets.dfer_dataset.print_log', lambda line, **kwargs: told.append(line))
    write_clip(tmp_path / 'clip', 2)
    (tmp_path / 'film.swf').write_bytes(b'FWS')
    assert [key for key, _ in walk_clips(str(tmp_path), 1)] == ['clip']
    assert len(told) == 1 and '1 files are of kinds that are not read' in told[0] and 'film.swf' in told[0]
    (tmp_path / 'clip' / 'x.heic').write_bytes(b'x')
    assert inspect_clip(str(tmp_path / 'clip'))['unread'] == [str(tmp_path / 'clip' / 'x.heic')]
    (tmp_path / 'phone').mkdir()
    (tmp_path / 'phone' / '1.heic').write_bytes(b'x')
    with pytest.raises(BadClipError, match='phone: holds no frame .* but 1 such as 1.heic; save them as .png'):
        list_frames(str(tmp_path / 'phone'))


def test_one_frame_in_two_formats_is_refused(tmp_path):
    write_clip(tmp_path / 'clip', 3)
    write_clip(tmp_path / 'other', 3, suffix='.png')
    (tmp_path / 'other' / '00002.png').rename(tmp_path / 'clip' / '00002.png')
    with pytest.raises(BadClipError, match='clip: holds one frame twice, as 00002.jpg and 00002.png; remove one'):
        Clip(tmp_path / 'clip')


def test_a_frame_that_is_a_link_to_nowhere_is_told_and_not_passed_over(tmp_path):
    write_clip(tmp_path / 'clip', 3)
    (tmp_path / 'clip' / '00002.jpg').unlink()
    (tmp_path / 'clip' / '00002.jpg').symlink_to(tmp_path / 'gone.jpg')
    clip = Clip(tmp_path / 'clip')
    assert len(clip) == 3
    with pytest.raises(BadClipError, match='00002.jpg: cannot be read'):
        clip.frame(1)
