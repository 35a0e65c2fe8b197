"""What a file is, told by its first bytes and never by its name."""
from __future__ import annotations

import string

from .safetensors_files import looks_like_safetensors

HEAD = 512                          # bytes to look at
ZIP, PICKLE, SAFETENSORS, INDEX = 'zip', 'pickle', 'safetensors', 'index'

_UNPACK = 'unpack it and give the weight file in it'
# Beginnings of files that are no weight files here, what they are, and what to do.
_OTHERS = (
    (b'\x89HDF\r\n\x1a\n', 'an HDF5 file, as Keras writes', 'give the weights as torch or safetensors has them'),
    (b'GGUF', 'a GGUF file', 'give the weights as torch or safetensors has them'),
    (b'\x93NUMPY', "a NumPy array", 'give the weights as torch or safetensors has them'),
    (b'PK\5\6', 'a zip archive without entries', 'get the file anew'),
    (b'\x1f\x8b', 'packed by gzip', _UNPACK),
    (b'BZh', 'packed by bzip2', _UNPACK),
    (b'\xfd7zXZ', 'packed by xz', _UNPACK),
    (b'\x28\xb5\x2f\xfd', 'packed by zstd', _UNPACK),
    (b"7z\xbc\xaf'\x1c", 'a 7z archive', _UNPACK),
    (b'Rar!', 'a rar archive', _UNPACK),
    (b'version https://git-lfs', 'a pointer of Git LFS, not the file that it stands for',
     'fetch the file itself by git lfs pull'),
    (b'\x89PNG', 'a picture', 'give a weight file'),
    (b'\xff\xd8\xff', 'a picture', 'give a weight file'),
    (b'%PDF', 'a document', 'give a weight file'),
    (b'\x7fELF', 'a program', 'give a weight file'),
)
_PAGES = (b'<!doctype html', b'<html', b'<?xml')


def kind_of(head: bytes) -> str | None:
    """The kind of a weight file that begins so: ``ZIP``, ``PICKLE``, ``SAFETENSORS``, ``INDEX``, or None for
    another."""
    if head[:4] == b'PK\3\4':
        return ZIP
    # Before pickles: the length of a header may begin with their first byte.
    if looks_like_safetensors(head):
        return SAFETENSORS
    # Protocols from 2 on begin with their number; before, torch's first pickle is the text of its magic number.
    if head[:1] == b'\x80' and head[1:2] and head[1] <= 5 or head[:6] in (b'L11954', b'I11954'):
        return PICKLE
    # transformers' list of the files that hold a model's parts
    return INDEX if head.lstrip()[:1] == b'{' and b'"weight_map"' in head else None


def other_kind(head: bytes) -> tuple[str, str]:
    """What a file that is no weight file is, and what to do."""
    for beginning, what, remedy in _OTHERS:
        if head.startswith(beginning):
            return what, remedy
    if not head:
        return 'empty', 'get the file anew'
    if head[257:262] == b'ustar':
        return 'a tar archive', ('where it was written by torch before 0.1.10, load it there and save it anew; else '
                                 'unpack it')
    if head.lstrip().lower().startswith(_PAGES):
        return 'a web page', 'the download asks for a login or a click; get the file by a browser'
    if not head.strip(b'\0'):
        return 'nothing but zeros', 'its download or copy did not end; get the file anew'
    if all(chr(byte) in string.printable or byte > 127 for byte in head):
        return 'a text', 'give a weight file'
    return 'of an unknown kind', 'it may be cut short or of another kind'
