"""Frames have the same pixels whichever decoder is installed, and no fewer than were asked for."""
import io

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

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


def damaged(data, rng, length):
    """A JPEG with zeros in place of some bytes of its picture."""
    start = data.index(b'\xff\xda') + 14
    place = int(rng.integers(start, len(data) - 2 - length))
    return data[:place] + bytes(length) + data[place + length:]


@pytest.mark.parametrize('length', [16, 64, 300, 2000])
@pytest.mark.parametrize('kind', ['4:2:0', '4:4:4', 'restarts', 'exif', 'grey'])
def test_a_hole_of_zeros_is_refused(picture, kind, length):
    rng = np.random.default_rng(length)
    data = encode(picture[..., 0]) if kind == 'grey' else encode(picture, **KINDS[kind])
    for _ in range(20):
        with pytest.raises(BadClipError, match='frame 3: the image is damaged .*; extract the clip again'):
            decode_image(damaged(data, rng, length), 'frame 3')


@pytest.mark.parametrize('kind', ['4:2:0', 'progressive', 'optimised'])
def test_what_a_strict_decoder_refuses_no_other_reads(picture, kind):
    strict = pytest.importorskip('simplejpeg')
    data, rng, refused = encode(picture, **KINDS[kind]), np.random.default_rng(1), 0
    for _ in range(150):
        changed = bytearray(data)
        for place in rng.integers(data.index(b'\xff\xda') + 14, len(data) - 2, 3):
            changed[place] ^= 1 << rng.integers(8)
        try:
            strict.decode_jpeg(bytes(changed), strict=True)
        except ValueError:
            refused += 1
            with pytest.raises(BadClipError, match='frame: '):
                decode_image(bytes(changed), 'frame')
    assert refused > 20


def test_a_jpeg_cut_short_anywhere_is_refused(picture):
    data = encode(picture)
    for length in [*range(2, 700, 7), *range(700, len(data) - 2, 97), len(data) - 1]:
        for tail in (b'', b'\xff\xd9') if length < len(data) - 2 else (b'', ):
            with pytest.raises(BadClipError, match='frame: the image is (cut short|damaged)|does not decode'):
                decode_image(data[:length] + tail, 'frame')


@pytest.mark.parametrize('behind',
                         [b'\0', b'\0' * 300_000, b'\0\1SEFT' + b'x' * 70_000, 'itself', b'\xff\xd8\xff\xe1', b'\n'])
@pytest.mark.parametrize('kind', ['4:2:0', 'exif', 'png', 'webp'])
def test_what_lies_behind_a_pictures_end_is_passed_over(picture, kind, behind):
    data = (encode(picture, **KINDS[kind]) if kind in KINDS else cv2.imencode(f'.{kind}', picture)[1].tobytes())
    longer = data + (data if behind == 'itself' else behind)
    np.testing.assert_array_equal(decode_image(longer, 'frame'), decode_image(data, 'frame'))


def test_oddities_that_change_no_pixel_are_read(picture):
    data = encode(picture)
    version, scan = data.index(b'JFIF') + 5, data.index(b'\xff\xda')
    for place, value in ((version, 2), (scan + 12, 0), (scan + 11, 1)):
        odd = data[:place] + bytes([value]) + data[place + 1:]
        np.testing.assert_array_equal(decode_image(odd, 'frame'), by_opencv(data))
        with pytest.raises(BadClipError, match='damaged'):
            decode_image(damaged(odd, np.random.default_rng(0), 40), 'frame')


def plain_pictures():
    """Pictures whose codes are the most alike: flat, in steps, in points, and noise of one grey level."""
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:96, :96]
    for value in (0, 1, 127, 128, 255):
        yield np.full((96, 96), value)
    for width in (1, 2, 8):
        yield (y // width + x // width) % 2 * 255
    for slope in (.1, 1, -1, 2):
        yield np.clip(128 + slope * (x - 48), 0, 255)
    for depth in range(1, 128, 9):
        yield np.where((x % 8 == 0) & (y % 8 == 0), 128 - depth, 128)
    for deviation in (.3, 1, 2, 30):
        yield np.clip(rng.normal(128, deviation, (96, 96)), 0, 255)


def test_plain_pictures_are_not_taken_for_damaged_ones():
    for grey in plain_pictures():
        rgb = np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
        for options in (dict(quality=1), dict(quality=75), dict(quality=93), dict(quality=97, subsampling=0),
                        dict(quality=100),
                        dict(optimize=True), dict(progressive=True)):
            for image in (rgb, rgb[..., 0]):
                data = encode(image, **options)
                np.testing.assert_array_equal(decode_image(data, 'frame'), by_opencv(data))


def png(picture):
    file = io.BytesIO()
    info = PngInfo()
    info.add_text('Comment', 'a note of some length')
    Image.fromarray(picture).save(file, 'PNG', pnginfo=info)
    return file.getvalue()


def test_a_png_with_a_changed_bit_is_refused_unless_it_is_of_a_note(picture):
    data, rng = png(picture), np.random.default_rng(0)
    note = range(data.index(b'tEXt') + 4, data.index(b'some length'))
    for place in [*rng.integers(8, len(data) - 12, 60), *note[:3]]:
        changed = bytearray(data)
        changed[place] ^= 16
        if place in note:
            np.testing.assert_array_equal(decode_image(bytes(changed), 'frame'), picture)
        elif place < data.index(b'tEXt') - 4 or place >= data.index(b'IDAT'):
            with pytest.raises(BadClipError, match='frame: the image is (damaged|cut short)'):
                decode_image(bytes(changed), 'frame')


@pytest.mark.parametrize('form, options',
                         [('PNG', {}), ('BMP', {}), ('TIFF', {}), ('TIFF', dict(compression='tiff_lzw')),
                                           ('WEBP', dict(lossless=True))])
def test_other_formats_give_the_pixels_and_are_refused_when_cut_short(picture, form, options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, form, **options)
    data = file.getvalue()
    np.testing.assert_array_equal(decode_image(data, 'frame', 20), picture)
    for length in (len(data) - 13, len(data) // 2, 60, 20, 0):
        with pytest.raises(BadClipError, match='frame: '):
            decode_image(data[:length], 'frame')


def test_without_a_strict_decoder_the_user_is_told_once(monkeypatch, picture):
    told = []
    monkeypatch.setattr(decoding, 'jpeg_decoder', lambda: None)
    monkeypatch.setattr(decoding, 'print_log', lambda line, **kwargs: told.append(line))
    decoding._warn_once.cache_clear()
    for _ in range(3):
        decode_image(encode(picture), 'frame')
    assert len(told) == 1 and 'pip install simplejpeg' in told[0]
