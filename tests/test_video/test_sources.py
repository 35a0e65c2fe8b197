"""What is found below the inputs, and that no two results share a name."""

from __future__ import annotations

import pytest

from mmdfer.datasets import BadClipError
from mmdfer.video.sources import find_sources

from ..conftest import write_clip


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b'x')


def test_equal_stems_keep_suffix_and_folder_in_their_names(tmp_path):
    touch(
        tmp_path, 'a.mp4', 'a.mov', 'b.mp4', 'day1/take1.mp4', 'day2/take1.mp4', 'day2/A.MP4', '._b.mp4', 'x $%{}_-.mkv'
    )
    found = {source.name for source in find_sources([str(tmp_path)])}
    assert found == {'a.mp4', 'a.mov', 'b', 'day1/take1.mp4', 'day2/take1.mp4', 'day2/A.MP4', 'x $%{}_-'} or found == {
        'day2/A.MP4',
        'a.mp4',
        'a.mov',
        'b',
        'day1/take1.mp4',
        'day2/take1.mp4',
        'x $%{}_-',
    }
    assert len({name.casefold() for name in found}) == 7


def test_folders_of_any_depth_frames_pictures_and_patterns(tmp_path):
    write_clip(tmp_path / 'deep' / 'er' / 'frames', 2)
    touch(tmp_path, 'deep/v.mp4', 'p.jpg')
    kinds = {source.name: source.kind for source in find_sources([str(tmp_path / 'deep'), str(tmp_path / 'p.jpg')])}
    assert kinds == {'v': 'video', 'frames': 'frames', 'p': 'picture'}
    assert [source.name for source in find_sources([str(tmp_path / 'deep' / '*.mp4')])] == ['v']
    assert len(find_sources([str(tmp_path / 'deep'), str(tmp_path / 'deep' / 'v.mp4')])) == 2  # each once


def test_what_is_not_there_or_empty_is_refused_by_name(tmp_path):
    (tmp_path / 'empty').mkdir()
    for given in ('empty', 'missing.mp4', '*.mp4'):
        with pytest.raises(BadClipError, match=given.replace('*', r'\*')):
            find_sources([str(tmp_path / given)])
