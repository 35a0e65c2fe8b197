"""Where CLIP models lie: single files, transformers' and open_clip's folders, and the configs beside them."""
from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from .reading import CheckpointError, find_state_dict, read_checkpoint

# In a folder, the first that is there is read.
_FILES = ('model.safetensors', 'pytorch_model.bin', 'open_clip_model.safetensors', 'open_clip_pytorch_model.bin')
_ACTIVATIONS = {'quick_gelu': True, 'gelu': False}


@dataclass
class ClipRead:
    """A file's tensors, and which activation it computes with, where the file or a config beside it tells."""
    path: Path
    state: dict[str, Tensor]
    quick_gelu: bool | None = None


def read_with_config(path: str | os.PathLike) -> ClipRead:
    """Read a weight file, or the one in a folder of transformers or open_clip.

    Raises:
        CheckpointError: as :func:`read_checkpoint`, and for a folder without a weight file.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        names = [name for name in _FILES if (path / name).is_file()]
        if not names:
            raise CheckpointError(f'{path}: a folder without {", ".join(_FILES[:-1])} or {_FILES[-1]}; give the weight '
                                  'file, or a folder that has one of them whole')
        path = path / names[0]
    checkpoint = read_checkpoint(path)
    state = find_state_dict(checkpoint, path)
    meta = checkpoint.get('meta')
    quick_gelu = meta.get('quick_gelu') if isinstance(meta, dict) else None
    if quick_gelu is None:
        # OpenAI's archives alone carry these numbers as tensors.
        quick_gelu = True if 'input_resolution' in state else _told_beside(path)
    return ClipRead(path, state, quick_gelu)


def _told_beside(path: Path) -> bool | None:
    """What a config in the file's folder says of the activation."""
    if path.name.startswith('open_clip') and (path.parent / 'open_clip_config.json').is_file():
        config = _read_json(path.parent / 'open_clip_config.json')
        return bool(config.get('model_cfg', {}).get('quick_gelu', False))
    if path.name in _FILES[:2] and (path.parent / 'config.json').is_file():
        config = _read_json(path.parent / 'config.json')
        named = [part['hidden_act'] for part in (config, config.get('text_config'), config.get('vision_config'))
                 if isinstance(part, dict) and 'hidden_act' in part]
        if str(config.get('model_type', '')).startswith('clip'):
            # transformers writes what differs from its default, quick_gelu.
            return _ACTIVATIONS.get(named[0]) if named else True
    return None


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f'{path}: not readable as JSON ({error}); repair it, or move the weight file away from '
                              'it') from None
