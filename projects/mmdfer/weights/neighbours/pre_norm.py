"""Names that the line after Former-DFER shares: its pre-norm transformer, and how many layers they tell of."""
from __future__ import annotations

import re
from collections.abc import Iterable


def pre_norm(theirs: str, ours: str) -> tuple[tuple[str, str], ...]:
    """Rules for the layers of a transformer, from ``<theirs>.layers.0.0.fn.norm.weight`` to
    ``<ours>.0.ln1.weight`` and so on (:class:`mmdfer.backbones.pre_norm.PreNormLayers`).

    Args:
        theirs: pattern of the transformer's name.
        ours: name of the layers here.
    """
    layer = rf'{theirs}\.layers\.(\d+)'
    parts = ((r'0\.fn\.norm', 'ln1'), (r'0\.fn\.fn\.to_qkv', 'attn.qkv'), (r'0\.fn\.fn\.to_out\.0', 'attn.proj'),
             (r'1\.fn\.norm', 'ln2'), (r'1\.fn\.fn\.net\.0', 'ffn.layers.0.0'), (r'1\.fn\.fn\.net\.3', 'ffn.layers.1'))
    return tuple((rf'{layer}\.{place}\.(weight|bias)', rf'{ours}.\1.{name}.\2') for place, name in parts)


def layers_in(names: Iterable[str], pattern: str) -> int:
    """How many layers the names tell of; ``pattern`` has the layer's number in its first group."""
    return 1 + max((int(found[1]) for found in map(re.compile(pattern).match, names) if found), default=-1)
