"""Frames have the same pixels whichever decoder is installed, and no fewer than were asked for."""
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from mmdfer.datasets import BadClipError, decoding
from mmdfer.datasets.decoding import decode_image, jpeg_size, reduction
from mmdfer.datasets.transforms import ClipDecode, ClipInit

from ..conftest import write_clip


@pytest.fixture
def picture():
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8), (211, 157), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def encode(picture, **options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, 'JPEG', **options)
    return file.getvalue()


def by_opencv(data):
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def exif():
    tags = Image.Exif()
    tags[0x0112] = 6                                            # lies on its side
    return tags


KINDS = {'4:2:0': dict(quality=75), '4:4:4': dict(quality=95, subsampling=0), 'progressive': dict(progressive=True),
         'optimised': dict(optimize=True, quality=20), 'exif': dict(exif=exif()),
         'restarts': dict(restart_marker_rows=2)}


@pytest.mark.parametrize('kind', [*KINDS, 'grey', 'cmyk', 'png'])
@pytest.mark.parametrize('decoder', ['best', 'simplejpeg', 'turbojpeg', 'opencv'])
def test_every_decoder_gives_the_same_pixels(monkeypatch, picture, kind, decoder):
    if decoder in ('simplejpeg', 'turbojpeg'):
        pytest.importorskip(decoder)
        made = decoding._simplejpeg() if decoder == 'simplejpeg' else decoding._pyturbojpeg()
        if made is None:
            pytest.skip('its C library is not installed')
        monkeypatch.setattr(decoding, 'jpeg_decoder', lambda: made)
    elif decoder == 'opencv':
        monkeypatch.setattr(decoding, 'jpeg_decoder', lambda: None)
    data = {'grey': lambda: encode(picture[..., 0]), 'png': lambda: cv2.imencode('.png', picture)[1].tobytes(),
            'cmyk': lambda: cmyk(picture)
            }.get(kind, lambda: encode(picture, **KINDS[kind]))()
    found = decode_image(data, kind)
    assert found.dtype == np.uint8 and found.flags.writeable
    np.testing.assert_array_equal(found, by_opencv(data))
    for size in (30, 50, 78):
        small = decode_image(data, kind, size)
        assert min(small.shape[:2]) >= size and small.shape[2] == 3


def cmyk(picture):
    file = io.BytesIO()
    Image.fromarray(picture).convert('CMYK').save(file, 'JPEG')
    return file.getvalue()


@pytest.mark.parametrize('size', [(157, 211), (1, 1), (16, 640), (4000, 3000)])
@pytest.mark.parametrize('progressive', [True, False])
def test_the_size_is_in_the_header(size, progressive):
    assert jpeg_size(encode(np.zeros((*size, 3), np.uint8), progressive=progressive)) == size


@pytest.mark.parametrize('data', [b'\xff\xd8', b'\xff\xd8\xff', b'\xff\xd8\xff\xe0\xff\xff', b'\xff\xd8' + bytes(40)])
def test_a_header_that_says_nothing(data):
    assert jpeg_size(data) is None
    with pytest.raises(BadClipError, match='frame 3: '):
        decode_image(data, 'frame 3')


@pytest.mark.parametrize('size, min_size, scale', [
    ((224, 224), 224, 1), ((448, 448), 224, 2), ((447, 900), 224, 2), ((446, 900), 224, 1), ((900, 447), 224, 2),
    ((1000, 900), 224, 4), ((1792, 1792), 224, 8), ((8000, 8000), 224, 8), ((10, 10), 224, 1)])
def test_a_reduction_leaves_what_is_needed(size, min_size, scale):
    assert reduction(size, min_size) == scale


def test_reduced_frames_are_the_frames_made_smaller(monkeypatch, picture):
    # Of a size that 8 divides: otherwise the last pixels are of partial blocks, which cv2.resize spreads over all.
    data = encode(cv2.GaussianBlur(picture, (0, 0), 3)[:152, :208], quality=95, subsampling=0)
    for size, scale in ((76, 2), (38, 4)):
        small = decode_image(data, 'frame', size).astype(float)
        monkeypatch.setattr(decoding, 'jpeg_decoder', lambda: None)
        np.testing.assert_array_equal(small, decode_image(data, 'frame', size))
        monkeypatch.undo()
        expected = cv2.resize(by_opencv(data), small.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert small.shape == (152 // scale, 208 // scale, 3)
        assert np.abs(small - expected)[1:-1, 1:-1].mean() < 2


def test_clips_are_decoded_to_the_needed_size(tmp_path):
    write_clip(tmp_path / 'clip', 3, size=100)
    results = dict(ClipInit()(dict(clip=str(tmp_path / 'clip'))), frame_inds=np.arange(3))
    for size, side in ((None, 100), (51, 100), (50, 50), (26, 50), (25, 25), (1, 13)):
        assert ClipDecode(size)(dict(results))['img_shape'] == (side, side)
    with pytest.raises(ValueError, match='min_size=0; expected 1 or more'):
        ClipDecode(0)


def test_damage_that_opencv_reads_past_is_read_alike_everywhere(monkeypatch, picture):
    data = bytearray(encode(picture))
    data[len(data) // 2:len(data) // 2 + 40] = bytes(40)
    found = decode_image(bytes(data), 'frame')
    np.testing.assert_array_equal(found, by_opencv(bytes(data)))
