"""Faults planted into a folder of frames: each is refused by name, or the frames are read as they are.

A row is what was planted, the bytes of the second frame, and the reaction: ``same`` pixels as the clean file's, or the
words of the refusal.
"""
from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mmdfer.datasets import BadClipError
from mmdfer.datasets.clips import Clip

RNG = np.random.default_rng(0)
PICTURE = np.asarray(Image.fromarray(RNG.integers(0, 255, (6, 6, 3), dtype=np.uint8)).resize((96, 96), Image.BICUBIC))
PICTURE = (PICTURE.astype(int) + RNG.integers(-20, 20, PICTURE.shape)).clip(0, 255).astype(np.uint8)


def saved(kind, **options):
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, kind, **options)
    return file.getvalue()


def put(data, place, new):
    return data[:place] + new + data[place + len(new):]


def chunk(kind, body):
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))


def png(width, height, *chunks):
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b''.join((b'\x89PNG\r\n\x1a\n', chunk(b'IHDR', header), *chunks, chunk(b'IEND', b'')))


JPEG, PNG, BMP, TIFF = saved('JPEG', quality=85), saved('PNG'), saved('BMP'), saved('TIFF')
WEBP = saved('WEBP', lossless=True)
PROGRESSIVE = saved('JPEG', quality=85, progressive=True)
SCAN, SIZE, LENGTH = JPEG.index(b'\xff\xda'), JPEG.index(b'\xff\xc0') + 5, len(JPEG)
MIDDLE, DATA = (SCAN + LENGTH) // 2, PNG.index(b'IDAT')
CUT, DAMAGED, NO_IMAGE = 'cut short', 'the image is damaged', 'does not decode as an image'
CLAIMS = 'its header claims more pixels than there are'

JPEGS = {
    'cut to a fifth': (JPEG[:LENGTH // 5], CUT),
    'cut to half': (JPEG[:LENGTH // 2], CUT),
    'cut by two bytes': (JPEG[:-2], CUT),
    'cut by one byte': (JPEG[:-1], CUT),
    'progressive, cut to half': (PROGRESSIVE[:len(PROGRESSIVE) // 2], CUT),
    'hole at the start of its scan': (put(JPEG, SCAN + 40, bytes(60)), 'zeros where its picture was'),
    'hole in its middle': (put(JPEG, MIDDLE, bytes(60)), 'zeros where its picture was'),
    'hole at its end': (put(JPEG, LENGTH - 80, bytes(60)), 'zeros where its picture was'),
    'hole to its end': (put(JPEG, MIDDLE, bytes(LENGTH - 2 - MIDDLE)), 'zeros where its picture was'),
    'run of 0xff': (put(JPEG, MIDDLE, b'\xff' * 40), DAMAGED),
    'end marker inside': (put(JPEG, MIDDLE, b'\xff\xd9'), DAMAGED),
    'start marker inside': (put(JPEG, MIDDLE, b'\xff\xd8'), DAMAGED),
    'noise at the start of its scan': (put(JPEG, SCAN + 40, RNG.integers(1, 255, 64, np.uint8).tobytes()), DAMAGED),
    'last blocks gone': (JPEG[:LENGTH - 80] + JPEG[LENGTH - 16:], DAMAGED),
    'start alone': (b'\xff\xd8', CUT),
    'start and end alone': (b'\xff\xd8\xff\xd9', DAMAGED),
    'height of another picture': (put(JPEG, SIZE, struct.pack('>HH', 112, 96)), DAMAGED),
    'no size': (put(JPEG, SIZE, bytes(4)), DAMAGED),
    'twelve components': (put(JPEG, SIZE + 4, b'\x0c'), DAMAGED),
    'size of 65500x65500': (put(JPEG, SIZE, struct.pack('>HH', 65500, 65500)), CLAIMS),
    'one byte behind its end': (JPEG + b'\0', 'same'),
    'notes behind its end': (JPEG + b'camera notes', 'same'),
    '70,000 zeros behind its end': (JPEG + bytes(70000), 'same'),
    'another JPEG behind its end': (JPEG + PROGRESSIVE, 'same'),
    'end marker twice': (JPEG + b'\xff\xd9', 'same'),
}
OTHERS = {
    'PNG under a JPEG\'s name': (PNG, 'same'),
    'PNG with bytes behind its end': (PNG + b'xx', 'same'),
    'PNG with a damaged comment': (PNG[:33] + struct.pack('>I', 5) + b'tEXtab\0cd' + bytes(4) + PNG[33:], 'same'),
    'PNG, flipped bit': (put(PNG, DATA + 50, bytes([PNG[DATA + 50] ^ 1])), 'a checksum is another'),
    'PNG, cut to half': (PNG[:len(PNG) // 2], CUT),
    'PNG without its end': (PNG[:-12], CUT),
    'PNG without a picture': (png(96, 96), NO_IMAGE),
    'PNG of too little data': (png(96, 96, chunk(b'IDAT', zlib.compress(bytes(1000)))), NO_IMAGE),
    'PNG of no size': (png(0, 0, chunk(b'IDAT', zlib.compress(b''))), NO_IMAGE),
    'PNG of 60000x60000': (png(60000, 60000, chunk(b'IDAT', zlib.compress(bytes(1000)))), CLAIMS),
    'PNG of 2^31 - 1 squared': (png(2**31 - 1, 2**31 - 1, chunk(b'IDAT', zlib.compress(bytes(9)))), CLAIMS),
    'BMP': (BMP, 'same'),
    'BMP, cut': (BMP[:-500], CUT),
    'TIFF': (TIFF, 'same'),
    'TIFF, cut': (TIFF[:len(TIFF) // 2], NO_IMAGE),
    'WebP': (WEBP, 'same'),
    'WebP, cut': (WEBP[:len(WEBP) // 2], CUT),
    'GIF': (saved('GIF'), NO_IMAGE),
    'nothing': (b'', 'is empty'),
    'text': (b'not found', NO_IMAGE),
    'page of an error': (b'<!DOCTYPE html>404', NO_IMAGE),
    'zeros': (bytes(5000), NO_IMAGE),
    'pointer of Git LFS': (b'version https://git-lfs.github.com/spec/v1\n', NO_IMAGE),
    'archive': (b'PK\x03\x04' + bytes(100), NO_IMAGE),
    'start of a video': (b'\0\0\0\x18ftypmp42' + bytes(90), NO_IMAGE),
}
CLEAN = {data[:2]: np.asarray(Image.open(io.BytesIO(data)).convert('RGB')) for data in (JPEG, PNG, BMP, WEBP, TIFF)}


@pytest.mark.parametrize('data, reaction', [*JPEGS.values(), *OTHERS.values()],
                         ids=[*(f'JPEG, {name}' for name in JPEGS), *OTHERS])
def test_a_planted_frame(tmp_path, capfd, data, reaction):
    (tmp_path / '00001.jpg').write_bytes(JPEG)
    (tmp_path / '00002.jpg').write_bytes(data)
    clip = Clip(tmp_path)
    assert len(clip) == 2 and np.array_equal(clip.frame(0), CLEAN[JPEG[:2]])
    if reaction == 'same':
        np.testing.assert_array_equal(clip.frame(1), CLEAN[data[:2]])
    else:
        with pytest.raises(BadClipError, match=f'00002.jpg: .*{reaction}') as refusal:
            clip.frame(1)
        assert '\n' not in str(refusal.value)


def a_pipe(path):
    os.mkfifo(path)


def a_folder(path):
    path.mkdir()


ENTRIES = {
    'pipe': (a_pipe, 'is empty'),
    'folder': (a_folder, None),
    'link to nowhere': (lambda path: path.symlink_to('nowhere'), 'cannot be read'),
    'link to itself': (lambda path: path.symlink_to(path.name), 'cannot be read'),
}


@pytest.mark.parametrize('plant, reaction', ENTRIES.values(), ids=ENTRIES)
def test_an_entry_named_like_a_frame(tmp_path, plant, reaction):
    """A folder is no frame; all else is one that cannot be read, and nothing is waited for."""
    (tmp_path / '00001.jpg').write_bytes(JPEG)
    plant(tmp_path / '00002.jpg')
    clip = Clip(tmp_path)
    assert len(clip) == 1 + (reaction is not None)
    if reaction:
        with pytest.raises(BadClipError, match=f'00002.jpg: {reaction}'):
            clip.frame(1)


NAMES = ['-1', 'a b', '$HOME', '%d', "it's", '"q"', '笑', 'é', 'e\u0301', 'a\nb', '²', '1²3', 'x;rm', '*', '[1]',
         '~', '&', '\\', '9' * 200, '\udcff\udcfe', '`x`', '{}', '#1', '<b>', 'a,b', '=1', '@x', '(1)', '!', '5.']


@pytest.mark.parametrize('name', NAMES, ids=[ascii(name)[:24] for name in NAMES])
def test_a_frame_of_any_name(tmp_path, name):
    (tmp_path / f'{name}.jpg').write_bytes(JPEG)
    (tmp_path / 'zzz.jpg').write_bytes(PNG)
    clip = Clip(tmp_path)
    places = sorted(map(tuple, (clip.frame(index)[0, 0].tolist() for index in range(2))))
    assert len(clip) == 2 and places == sorted(tuple(CLEAN[data[:2]][0, 0].tolist()) for data in (JPEG, PNG))
