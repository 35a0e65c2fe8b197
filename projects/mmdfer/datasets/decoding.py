"""Image files to pixels: JPEGs by the fastest decoder installed, the same pixels from each."""
from __future__ import annotations

import functools
import math
from collections.abc import Callable

import cv2
import numpy as np

from .errors import BadClipError

# What the last bytes of a whole file hold: libjpeg and libpng fill in grey where a file was cut short.
_ENDINGS = {b'\xff\xd8': b'\xff\xd9', b'\x89P': b'IEND'}
_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


def decode_image(data: bytes, name: str, min_size: int | None = None) -> np.ndarray:
    """An image file's bytes as an RGB array (H, W, 3) of uint8.

    Baseline and progressive JPEGs are read by simplejpeg or PyTurboJPEG where one is installed. Both run the
    decoder that OpenCV runs, with its accurate DCT and smooth chroma, so the pixels are the same; whatever they
    refuse, OpenCV decides about, so the same files are read everywhere.

    Args:
        data: the file.
        name: what an error calls it.
        min_size: a JPEG whose shorter side stays at least this long is decoded to a half, a quarter or an
            eighth of its size, the smallest of these, by a smaller DCT. Smaller frames and other formats keep
            their size. ``None`` decodes every frame whole.

    Raises:
        BadClipError: if the file is cut short or does not decode.
    """
    ending = _ENDINGS.get(data[:2])
    if ending is not None and ending not in data[-1024:]:
        raise BadClipError(f'{name}: the image is cut short; extract the clip again, or leave it out by '
                           '--skip-bad-clips')
    size = jpeg_size(data) if data[:2] == b'\xff\xd8' else None
    scale = 1 if size is None or min_size is None else reduction(size, min_size)
    decoder = jpeg_decoder() if size is not None else None
    image = None if decoder is None else decoder(data, size, scale)
    if image is None:
        image = _decode_by_opencv(data, scale)
    if image is None:
        raise BadClipError(f'{name}: does not decode as an image; extract the clip again, or leave it out by '
                           '--skip-bad-clips')
    return image


def reduction(size: tuple[int, int], min_size: int) -> int:
    """The greatest of 8, 4, 2, 1 by which a JPEG of (height, width) can be divided with no side below ``min_size``."""
    return next((scale for scale in (8, 4, 2) if math.ceil(min(size) / scale) >= min_size), 1)


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width in a JPEG's header; ``None`` for kinds that decoders read differently.

    These are files with Exif data, which OpenCV turns upright, and files of four components or 12 bits.
    """
    place = 2
    while place + 10 <= len(data) and data[place] == 0xff:
        marker, length = data[place + 1], int.from_bytes(data[place + 2:place + 4], 'big')
        if marker in (0xc0, 0xc1, 0xc2):                         # start of a baseline, extended or progressive frame
            height, width = (int.from_bytes(data[place + at:place + at + 2], 'big') for at in (5, 7))
            return (height, width) if data[place + 4] == 8 and data[place + 9] in (1, 3) else None
        if marker == 0xe1 and data[place + 4:place + 8] == b'Exif':
            return None
        place += 2 + length
    return None


@functools.cache
def jpeg_decoder() -> Callable[[bytes, tuple[int, int], int], np.ndarray | None] | None:
    """The fastest JPEG decoder beside OpenCV: (data, (height, width), scale) to RGB, or ``None`` if it fails."""
    return _simplejpeg() or _pyturbojpeg()


def _simplejpeg():
    try:
        import simplejpeg
    except ImportError:
        return None

    def decode(data, size, scale):
        height, width = (0, 0) if scale == 1 else (math.ceil(side / scale) for side in size)      # 0: as it is
        try:
            return simplejpeg.decode_jpeg(data, 'RGB', fastdct=False, fastupsample=False, strict=True,
                                          min_height=height, min_width=width)
        except ValueError:
            return None
    return decode


def _pyturbojpeg():
    try:
        import turbojpeg
        codec = turbojpeg.TurboJPEG()
    except (ImportError, RuntimeError, OSError, NotImplementedError):            # its C library is a package of its own
        return None

    def decode(data, size, scale):
        try:
            return codec.decode(data, pixel_format=turbojpeg.TJPF_RGB, scaling_factor=(1, scale))
        except (OSError, ValueError):
            return None
    return decode


def _decode_by_opencv(data: bytes, scale: int) -> np.ndarray | None:
    if not data:
        return None
    buffer = np.frombuffer(data, np.uint8)
    rgb = getattr(cv2, 'IMREAD_COLOR_RGB', None)                                  # spares a pass; OpenCV 4.11 and later
    if scale == 1 and rgb is not None:
        return cv2.imdecode(buffer, rgb)
    image = cv2.imdecode(buffer, _REDUCED.get(scale, cv2.IMREAD_COLOR))
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB, image)
