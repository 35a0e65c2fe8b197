"""What the bytes of an image file say without being decoded: where it ends, whether it is whole, how large it is."""
from __future__ import annotations

import re
import struct
import zlib
from collections import deque
from collections.abc import Iterator

JPEG, JPEG_END, PNG = b'\xff\xd8', b'\xff\xd9', b'\x89PNG\r\n\x1a\n'
# Zeros in a row that no picture gives (6 are the most seen): with the usual tables, 32 coefficients of -1 one after
# another.
HOLE = bytes(12)
_FRAMES = (*range(0xc0, 0xc4), *range(0xc5, 0xc8), *range(0xc9, 0xcc), *range(0xcd, 0xd0))     # starts of its frame
_BARE = (0x01, *range(0xd0, 0xd9))                              # markers without a length
MOST_PIXELS = 1 << 28
_TABLES, _SCAN, _END = 0xc4, 0xda, 0xd9
# In coded data 0xff is followed by 0, or by the number of a restart; else a marker follows, behind any more of 0xff.
_MARKER = re.compile(rb'\xff[^\x00\xd0-\xd7\xff]')
_MEANS_PIXELS = (b'tRNS', b'eXIf')                              # beside the chunks that PNG calls critical


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, place and length of each segment of a JPEG, the last of which is the end; fewer if it is cut short."""
    place = 2
    while place + 4 <= len(data) or data[place:place + 2] == JPEG_END:
        if data[place] != 0xff:
            found = data.find(b'\xff', place)                   # bytes between segments, which decoders pass over
            if found < 0:
                return
            place = found
            continue
        marker = data[place + 1]
        if marker == 0xff:                                      # a marker may be filled up
            place += 1
        elif marker == _END:
            yield marker, place, 2
            return
        elif marker in _BARE:
            place += 2
        else:
            length = int.from_bytes(data[place + 2:place + 4], 'big')
            yield marker, place, length
            place += 2 + length
            if marker == _SCAN:
                behind = _MARKER.search(data, place)
                if behind is None:
                    return
                place = behind.start()


def jpeg_end(data: bytes) -> int | None:
    """Where a JPEG ends, whatever lies behind it; None for one that is cut short."""
    last = next(iter(deque(_segments(data), maxlen=1)), None)
    return None if last is None or last[0] != _END else last[1] + 2


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width in a JPEG's header; ``None`` for kinds that decoders read differently.

    These are files with Exif data, which OpenCV turns upright, and files of four components or 12 bits.
    """
    for marker, place, _ in _segments(data):
        if marker in _FRAMES:
            if marker > 0xc2 or len(data) < place + 10:
                return None
            height, width = struct.unpack('>HH', data[place + 5:place + 9])
            return (height, width) if data[place + 4] == 8 and data[place + 9] in (1, 3) else None
        if marker in (_SCAN, _END) or marker == 0xe1 and data[place + 4:place + 8] == b'Exif':
            return None
    return None


def claimed_size(data: bytes) -> tuple[int, int] | None:
    """Height and width that the header of a JPEG or a PNG claims, of any kind of them."""
    if data[:8] == PNG and len(data) >= 24:
        width, height = struct.unpack('>II', data[16:24])
        return height, width
    if data[:2] == JPEG:
        for marker, place, _ in _segments(data):
            if marker in _FRAMES and len(data) >= place + 9:
                height, width = struct.unpack('>HH', data[place + 5:place + 9])
                return height, width
            if marker == _SCAN:
                break
    return None


def claims_too_much(data: bytes) -> bool:
    """Whether a JPEG's or a PNG's header claims more pixels than its bytes can hold, or than any frame has.

    A JPEG spends a bit at least on each block of 64 pixels; what PNG packs, an eighth of a byte a pixel at least, is
    packed to a thousandth at most.
    """
    size = claimed_size(data)
    if size is None:
        return False
    pixels = size[0] * size[1]
    most = 8 * 64 * len(data) if data[:2] == JPEG else 8 * 1032 * len(data)
    return pixels > min(most, MOST_PIXELS)


def without_oddities(data: bytes) -> bytes:
    """A JPEG without what strict decoders tell of and what changes no pixel: the version of JFIF, a scan's range.

    A sequential JPEG's scan spans all coefficients, whatever some cameras write there.
    """
    mended, is_sequential = bytearray(data), False
    for marker, place, length in _segments(data):
        if marker == 0xe0 and data[place + 4:place + 9] == b'JFIF\0':
            mended[place + 9] = 1
        elif marker in _FRAMES:
            is_sequential = marker in (0xc0, 0xc1)
        elif marker == _SCAN and is_sequential and length >= 6:
            mended[place + length - 1:place + length + 2] = b'\0\x3f\0'
    return bytes(mended)


def has_hole(data: bytes) -> bool:
    """Whether a whole JPEG has zeros where its picture was, as lost blocks of a disk or a download leave them.

    They may read as codes, and as many blocks as were there, so that no decoder tells. Zeros in a row are looked
    for in the scans of sequential files whose tables do not have zeros stand for flat blocks.
    """
    tables: dict[int, int] = {}                                 # of each table the symbol whose code is all zeros
    segments = [*_segments(data)]
    for (marker, place, length), (_, following, _) in zip(segments, segments[1:]):
        if marker in _FRAMES and marker not in (0xc0, 0xc1):
            return False
        if marker == _TABLES:
            tables.update(_zero_codes(data[place + 4:place + 2 + length]))
        elif marker == _SCAN and data.find(HOLE, place + 2 + length, following) >= 0:
            parts = data[place + 5:place + 5 + 2 * data[place + 4]]
            if any(tables.get(0x10 | part & 15) != 0 for part in parts[1::2]):
                return True
    return False


def _zero_codes(segment: bytes) -> dict[int, int]:
    """The first symbol of each table in a segment, by the table's class and number."""
    found, place = {}, 0
    while place + 17 < len(segment):
        found[segment[place]] = segment[place + 17]
        place += 17 + sum(segment[place + 1:place + 17])
    return found


def check_whole(data: bytes) -> str:
    """What is wrong with the bytes of a PNG, BMP or WebP, by their lengths and checksums; '' if nothing is."""
    if data[:8] == PNG:
        return _check_png(data)
    if data[:2] == b'BM' and len(data) >= 34:
        return _check_bmp(data)
    if data[:4] == b'RIFF' and data[8:12] == b'WEBP' and struct.unpack('<I', data[4:8])[0] + 8 > len(data):
        return 'the image is cut short'
    return '' if data else 'is empty'


def _check_png(data: bytes) -> str:
    place = 8
    while place + 12 <= len(data):
        length, kind = struct.unpack('>I4s', data[place:place + 8])
        end = place + 12 + length
        if end > len(data):
            break
        is_needed = kind[:1].isupper() or kind in _MEANS_PIXELS
        if is_needed and zlib.crc32(data[place + 4:end - 4]) != struct.unpack('>I', data[end - 4:end])[0]:
            return 'the image is damaged (a checksum is another)'
        if kind == b'IEND':
            return ''
        place = end
    return 'the image is cut short'


def _check_bmp(data: bytes) -> str:
    start, = struct.unpack('<I', data[10:14])
    width, height, _, bits, packing = struct.unpack('<iiHHI', data[18:34])
    needed = start + (abs(width) * bits + 31) // 32 * 4 * abs(height)
    return 'the image is cut short' if packing == 0 and len(data) < needed else ''
