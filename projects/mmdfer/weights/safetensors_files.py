"""Safetensors files: the header checked by ourselves, the tensors read by the format's own library."""
from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from .errors import Unreadable, plain

MOST_HEADER = 16 << 20              # a hundred times what the largest models here take
OURS = 'mmdfer'                     # where our files keep their metadata, as JSON


def looks_like_safetensors(head: bytes) -> bool:
    """Whether a file begins with the length of a header, and the header with a brace."""
    return len(head) >= 9 and head[8:9] == b'{' and struct.unpack('<Q', head[:8])[0] < 1 << 32


def read_safetensors(path: Path, device: str) -> dict:
    """A file's tensors and metadata, as ``dict(state_dict=..., meta=...)``.

    Raises:
        Unreadable: for a file that is damaged, or metadata of ours that are no object.
    """
    meta = read_meta(path)
    try:
        with safe_open(path, framework='pt', device=device) as file:
            state: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise Unreadable(f'{plain(error, 200)}; it may be cut short') from None
    return dict(state_dict=state, meta=meta)


def read_meta(path: Path) -> dict:
    """A file's metadata, those of ours decoded, without its tensors.

    Raises:
        Unreadable: as :func:`read_safetensors`.
    """
    with open(path, 'rb') as file:
        size = path.stat().st_size
        length, = struct.unpack('<Q', file.read(8).ljust(8, b'\0'))
        if length > min(MOST_HEADER, size - 8):
            raise Unreadable(f'its header would take {length} bytes of {size}; it may be cut short')
        header = _object(file.read(length), 'its header is')
    meta = header.get('__metadata__', {})
    if not isinstance(meta, dict) or not all(isinstance(value, str) for value in meta.values()):
        raise Unreadable('its metadata are no texts by name')
    return _object(meta[OURS], f'its metadata {OURS!r} are') if OURS in meta else meta


def _object(text: str | bytes, what: str) -> dict:
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable(f'{what} nested too deeply') from None
    except ValueError as error:
        raise Unreadable(f'{what} no JSON ({plain(error, 120)})') from None
    if not isinstance(found, dict):
        raise Unreadable(f'{what} a {type(found).__name__}, where an object belongs')
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise Unreadable(f'it names {plain(next(name for name in names if names.count(name) > 1))} twice')
    return found
