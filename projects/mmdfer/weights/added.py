"""What a model has beyond the stock one, told by parameters' names: one declaration for all that depends on it.

Freezing trains it, eval mode of frozen parts leaves it out, files of stock models are read past it, and counts and
logs have a row for it.
"""
from __future__ import annotations

import re
from typing import NamedTuple

#: Kinds of additions, and what tells one in a parameter's name; the group is the name that the addition goes by.
KINDS = {
    'adapters': re.compile(r'(?:^|\.)adapters\.(\w+)\.'),
    'lora': re.compile(r'(?:^|\.)(\w+(?:\.\d+)*)\.lora_\w+\.'),
    'temporal_embedding': re.compile(r'(?:^|\.)(temporal_embedding)$'),
    'stages': re.compile(r'(?:^|\.)s2d_stages\.(\w+)\.'),
    'snippets': re.compile(r'(?:^|\.)(message|semantic_stack|patch_norm|patch_proj)\.'),
}
#: What the layers of mmcv's ``FFN`` go by.
LAYERS = {'layers.0.0': 'fc1', 'layers.1': 'fc2'}


class Added(NamedTuple):
    """An addition: its kind, and its name, such as an adapter's in the config."""
    kind: str
    name: str


def added(name: str) -> Added | None:
    """The addition that a parameter belongs to; ``None`` for one of the stock model."""
    for kind, pattern in KINDS.items():
        found = pattern.search(name)
        if found:
            return Added(kind, LAYERS.get(found[1], found[1]))
    return None


def is_added(name: str) -> bool:
    """Whether a parameter belongs to one of these additions."""
    return added(name) is not None
