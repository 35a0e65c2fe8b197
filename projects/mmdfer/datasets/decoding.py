"""Image files to pixels: damaged ones are refused, and JPEGs are read by the fastest strict decoder installed."""
from __future__ import annotations

import functools
import logging
import math
import warnings
from collections.abc import Callable

import cv2
import numpy as np
from mmengine.logging import print_log

from .errors import BadClipError
from .image_files import (
    HOLE,
    JPEG,
    JPEG_END,
    check_whole,
    claims_too_much,
    has_hole,
    jpeg_end,
    jpeg_size,
    without_oddities,
)

_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
_REMEDY = 'extract the clip again, or leave it out by --skip-bad-clips'
Decoder = Callable[[bytes, tuple[int, int], int], np.ndarray]


class Damaged(ValueError):
    """What a strict decoder found wrong in a JPEG."""


def decode_image(data: bytes, name: str, min_size: int | None = None) -> np.ndarray:
    """An image file's bytes as an RGB array (H, W, 3) of uint8.

    What a file is, its bytes tell, not its name. JPEGs are read by simplejpeg or PyTurboJPEG, which run the decoder
    that OpenCV runs, with its accurate DCT and smooth chroma, so the pixels are the same; unlike OpenCV they tell of
    damaged data, which is refused. What lies behind a JPEG's or a PNG's end, such as the notes of cameras, is passed
    over. A changed byte that still reads as a code of a JPEG is beyond any decoder; packs keep checksums.

    Args:
        data: the file.
        name: what an error calls it.
        min_size: a JPEG whose shorter side stays at least this long is decoded to a half, a quarter or an
            eighth of its size, the smallest of these, by a smaller DCT. Smaller frames and other formats keep
            their size. ``None`` decodes every frame whole.

    Raises:
        BadClipError: if the file is cut short, damaged or does not decode.
    """
    if claims_too_much(data):
        fault, image = 'the image is damaged (its header claims more pixels than there are)', None
    elif data[:2] != JPEG:
        fault = check_whole(data)
        image = None if fault else _decode_by_opencv(data, 1)
    else:
        fault, image = _decode_jpeg(data, min_size)
    if image is None:
        raise BadClipError(f'{name}: {fault or "does not decode as an image"}; {_REMEDY}')
    return image


def _decode_jpeg(data: bytes, min_size: int | None) -> tuple[str, np.ndarray | None]:
    """What is wrong with a JPEG, if anything is, and its pixels."""
    end = len(data) if data.endswith(JPEG_END) else jpeg_end(data)
    if end is None:
        return 'the image is cut short', None
    data = data[:end]
    if HOLE in data and has_hole(data):
        return 'the image is damaged (zeros where its picture was)', None
    size, decoder = jpeg_size(data), jpeg_decoder()
    scale = 1 if size is None or min_size is None else reduction(size, min_size)
    image = None
    if decoder is None:
        _warn_once()
    else:
        try:
            image = _decode_strictly(decoder, data, size or (0, 0), scale)
        except Damaged as error:
            return f'the image is damaged ({error})', None
    if image is None or size is None:               # with Exif, which OpenCV turns upright, or of four components
        image = _decode_by_opencv(data, scale)
    return '', image


def _decode_strictly(decoder: Decoder, data: bytes, size: tuple[int, int], scale: int) -> np.ndarray:
    try:
        return decoder(data, size, scale)
    except Damaged:
        mended = without_oddities(data)
        if mended == data:
            raise
        return decoder(mended, size, scale)


@functools.cache
def _warn_once() -> None:
    print_log('neither simplejpeg nor PyTurboJPEG is there: damaged JPEGs are not told from whole ones; pip install '
              'simplejpeg', logger='current', level=logging.WARNING)


def reduction(size: tuple[int, int], min_size: int) -> int:
    """The greatest of 8, 4, 2, 1 by which a JPEG of (height, width) can be divided with no side below ``min_size``."""
    return next((scale for scale in (8, 4, 2) if math.ceil(min(size) / scale) >= min_size), 1)


@functools.cache
def jpeg_decoder() -> Decoder | None:
    """The fastest strict JPEG decoder installed: (data, (height, width), scale) to RGB, raising :class:`Damaged`."""
    return _simplejpeg() or _pyturbojpeg()


def _simplejpeg() -> Decoder | None:
    try:
        import simplejpeg
    except ImportError:
        return None

    def decode(data: bytes, size: tuple[int, int], scale: int) -> np.ndarray:
        height, width = (0, 0) if scale == 1 else (math.ceil(side / scale) for side in size)      # 0: as it is
        try:
            return simplejpeg.decode_jpeg(data, 'RGB', fastdct=False, fastupsample=False, strict=True,
                                          min_height=height, min_width=width)
        except ValueError as error:
            raise Damaged(_reason(error)) from None
    return decode


def _pyturbojpeg() -> Decoder | None:
    try:
        import turbojpeg
        codec = turbojpeg.TurboJPEG()
    except (ImportError, RuntimeError, OSError, NotImplementedError):            # its C library is a package of its own
        return None

    def decode(data: bytes, size: tuple[int, int], scale: int) -> np.ndarray:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('error')                                    # so it tells of damage
                return codec.decode(data, pixel_format=turbojpeg.TJPF_RGB, scaling_factor=(1, scale))
        except (OSError, ValueError, Warning) as error:
            raise Damaged(_reason(error)) from None
    return decode


def _reason(error: Exception) -> str:
    return ' '.join(str(error).removeprefix('Corrupt JPEG data: ').split())[:120]


def _decode_by_opencv(data: bytes, scale: int) -> np.ndarray | None:
    if not data:
        return None
    buffer = np.frombuffer(data, np.uint8)
    rgb = getattr(cv2, 'IMREAD_COLOR_RGB', None)                                  # spares a pass; OpenCV 4.11 and later
    if scale == 1 and rgb is not None:
        return cv2.imdecode(buffer, rgb)
    image = cv2.imdecode(buffer, _REDUCED.get(scale, cv2.IMREAD_COLOR))
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB, image)
