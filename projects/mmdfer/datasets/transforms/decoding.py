"""The former place of :mod:`mmdfer.datasets.decoding`."""
from ..decoding import decode_image, jpeg_decoder, jpeg_size, reduction

__all__ = ['decode_image', 'jpeg_decoder', 'jpeg_size', 'reduction']
