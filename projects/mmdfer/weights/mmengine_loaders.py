"""mmengine's reads of weight files, all of them through the one reader."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import mmengine.runner.checkpoint as mmengine_checkpoint
import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner import CheckpointLoader

from .errors import CheckpointError
from .reading import read_checkpoint
from .states import find_state_dict


def load_from_local(filename: str, map_location: Any = None) -> dict:
    """mmengine's local checkpoint loader: :func:`read_checkpoint`, with the weights under ``state_dict``.

    Whatever wrapper a file has its weights in, mmengine finds them there.
    """
    checkpoint = read_checkpoint(filename, map_location)
    if 'config' in checkpoint.get('meta', {}):
        # A config's text of older files, which mmengine would run to look up a number.
        checkpoint = dict(checkpoint,
                          meta={name: value for name, value in checkpoint['meta'].items() if name != 'config'})
    own, state = checkpoint.get('state_dict'), find_state_dict(checkpoint, filename)
    if isinstance(own, dict) and all(own.get(name) is value for name, value in state.items()):
        return checkpoint
    return dict(checkpoint, state_dict=state)


def load_from_http(filename: str, map_location: Any = None, model_dir: str | None = None,
                   progress: bool = os.isatty(0)) -> dict:
    """mmengine's loader of an address: fetched once, into torch's cache, by the main process, and read as a file.

    Raises:
        CheckpointError: without a way to the address, and as :func:`read_checkpoint`.
    """
    folder = Path(model_dir or os.path.join(torch.hub.get_dir(), 'checkpoints'))
    path = folder / os.path.basename(urlparse(filename).path)
    if is_main_process() and not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        named = torch.hub.HASH_REGEX.search(path.name)
        try:
            torch.hub.download_url_to_file(filename, str(path), named.group(1) if named else None, progress)
        except (OSError, RuntimeError) as error:
            raise CheckpointError(f'{filename}: cannot be fetched ({error}); fetch it by other means, and give the '
                                  'file') from None
    barrier()
    return load_from_local(str(path), map_location)


CheckpointLoader.register_scheme('', load_from_local, force=True)
CheckpointLoader.register_scheme(('http://', 'https://'), load_from_http, force=True)
mmengine_checkpoint.load_from_http = load_from_http         # which torchvision:// and the like go through
