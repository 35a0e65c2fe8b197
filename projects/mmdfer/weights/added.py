"""Which parameters a backbone has beyond the stock model: one declaration for freezing, reading and counting."""
from __future__ import annotations

import re

_ADDED = re.compile(r'(?:^|\.)(?:adapters\.|lora_\w+\.|temporal_embedding$)')


def is_added(name: str) -> bool:
    """Whether a parameter belongs to an adapter, to LoRA or to the temporal embedding.

    Files of the stock model do not have it, and with ``freeze`` it is what trains.
    """
    return _ADDED.search(name) is not None
