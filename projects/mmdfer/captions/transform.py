"""The caption of a clip, from the set's file of captions."""
from __future__ import annotations

import logging
import os
from functools import lru_cache
from pathlib import Path

from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from ..clip_names import clip_path_key
from ..registry import TRANSFORMS
from .caption_file import RAW_NAME, REFINED_NAME, CaptionFileError, read_captions

PARENTS = 5
"""Folders above a clip in which its file of captions is looked for."""


@TRANSFORMS.register_module()
class LoadCaption(BaseTransform):
    """Put a clip's ``caption`` into the results; give its name to ``PackActionInputs(meta_keys=...)``.

    A caption that the item carries already, as MAFW's do with ``captions=True``, stays, a blank one too: no file's
    text takes the place of what the set's own lists leave empty. Otherwise it is looked up by ``video_id``; ``00012``,
    ``12`` and ``12.mp4`` are one clip. A process reads a file once, when it first needs it.

    Args:
        file: a file of captions, absolute or in one of the folders above the clips, such as the set's. By
            default ``captions.refined.jsonl`` there, else ``captions.jsonl``.
        missing: ``'blank'``, an empty text for a clip without a caption, which is warned of once; ``'error'``; or
            ``'leave_out'``, by which training goes without such clips (:mod:`mmdfer.datasets.leaving_out`), while in
            testing they have an empty text.

    Raises:
        CaptionFileError: for a file that cannot be read, a named one that is not there, or, with
            ``missing='error'``, a clip without a caption.
        ValueError: for another ``missing``.
    """

    needs, remedy = 'caption', 'make captions by mmdfer captions'

    def __init__(self, file: str | None = None, missing: str = 'blank') -> None:
        if missing not in ('blank', 'error', 'leave_out'):
            raise ValueError(f"LoadCaption: missing={missing!r}; choose 'blank', 'error' or 'leave_out'")
        self.file, self.missing = file, missing
        self._places: dict[str, str | None] = {}       # folder of clips to its file of captions
        self._warned = False

    def transform(self, results: dict) -> dict:
        caption, path = self._caption(results)
        if not caption.strip():
            self._tell_missing(results, path)
        return dict(results, caption=caption)

    def keeps(self, item: dict) -> bool:
        """Whether training is to see a clip: not, with ``missing='leave_out'``, one without a caption."""
        return self.missing != 'leave_out' or bool(self._caption(item)[0].strip())

    def _caption(self, item: dict) -> tuple[str, str | None]:
        """A clip's caption, empty where it has none, and the file that it was looked for in."""
        if 'caption' in item:
            return item['caption'] or '', None
        path = self._find(item['clip'])
        if path is None:
            return '', None
        return _texts(path, os.stat(path).st_mtime_ns).get(clip_path_key(item['video_id']), ''), path

    def _find(self, clip: str) -> str | None:
        folder = os.path.dirname(os.path.abspath(clip))
        if folder not in self._places:
            names = (REFINED_NAME, RAW_NAME) if self.file is None else (self.file, )
            above = [folder, *map(str, Path(folder).parents)][:PARENTS]
            paths = (os.path.join(parent, name) for parent in above for name in names)
            self._places[folder] = next(filter(os.path.isfile, paths), None)
            if self._places[folder] is None and self.file is not None:
                raise CaptionFileError(f'LoadCaption: there is no file {self.file} of captions'
                                       + ('' if os.path.isabs(self.file) else f' in a folder above {clip}')
                                       + '; make it by mmdfer captions')
        return self._places[folder]

    def _tell_missing(self, results: dict, path: str | None) -> None:
        if 'caption' in results:
            message = f'{results["clip"]}: the lists of its set have no caption of it'
        elif path is None:
            message = f'{results["clip"]}: its set has no {RAW_NAME}; make it by mmdfer captions'
        else:
            message = f'{path}: has no caption of clip {results["video_id"]}'
        if self.missing == 'error':
            raise CaptionFileError(f'{message}; let such clips go without by missing="blank"')
        if not self._warned:
            self._warned = True
            print_log(f'{message}; such clips go without a caption', logger='current', level=logging.WARNING)

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(file={self.file!r}, missing={self.missing!r})'


@lru_cache(maxsize=4)
def _texts(path: str, _changed: int) -> dict[str, str]:
    """The texts of a file by the keys of their clips; of the other fields nothing is kept."""
    return {key: caption.caption for key, caption in read_captions(path, empty_ok=True).items()}
