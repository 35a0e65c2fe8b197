"""Where CLIP models lie: single files, transformers' and open_clip's folders, and the configs beside them."""
from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from .folders import read_object, weight_file
from .reading import read_checkpoint
from .registry import located
from .states import find_state_dict

_ACTIVATIONS = {'quick_gelu': True, 'gelu': False}


@dataclass
class ClipRead:
    """A file's tensors, which activation it computes with, where the file or a config beside it tells, and its meta."""
    path: Path
    state: dict[str, Tensor]
    quick_gelu: bool | None = None
    meta: dict = field(default_factory=dict)


def read_with_config(path: str | os.PathLike) -> ClipRead:
    """Read a weight file, or those in a folder of transformers or open_clip.

    Raises:
        CheckpointError: as :func:`read_checkpoint`, and for a config that is none.
    """
    path = Path(located(path)).expanduser()
    if path.is_dir():
        path = weight_file(path)
    checkpoint = read_checkpoint(path)
    state = find_state_dict(checkpoint, path)
    meta = checkpoint.get('meta')
    quick_gelu = meta.get('quick_gelu') if isinstance(meta, dict) else None
    if not isinstance(quick_gelu, bool):
        # OpenAI's archives alone carry these numbers as tensors.
        quick_gelu = True if 'input_resolution' in state else _told_beside(path)
    return ClipRead(path, state, quick_gelu, meta if isinstance(meta, dict) else {})


def _told_beside(path: Path) -> bool | None:
    """What a config in the file's folder says of the activation."""
    if path.name.startswith('open_clip') and (path.parent / 'open_clip_config.json').is_file():
        model = read_object(path.parent / 'open_clip_config.json').get('model_cfg')
        return bool(model.get('quick_gelu', False)) if isinstance(model, dict) else False
    if path.name.startswith(('model.safetensors', 'pytorch_model.bin')) and (path.parent / 'config.json').is_file():
        config = read_object(path.parent / 'config.json')
        named = [part['hidden_act'] for part in (config, config.get('text_config'), config.get('vision_config'))
                 if isinstance(part, dict) and 'hidden_act' in part]
        if str(config.get('model_type', '')).startswith('clip'):
            # transformers writes what differs from its default, quick_gelu.
            return _ACTIVATIONS.get(str(named[0])) if named else True
    return None
