"""The file of captions: UTF-8, one JSON object a line, written whole or resumed from a journal.

A line such as::

    {"id": "00012", "caption": "The brows draw together.", "source": "video_llava", "model": "Video-LLaVA-7B-hf",
     "prompt": 1, "frames": [4, 13, 22]}

Only ``id`` and ``caption`` are needed; other fields are kept as they come.
"""
from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..clip_names import clip_path_key
from ..files import whole_file
from ..journals import Journal

RAW_NAME, REFINED_NAME = 'captions.jsonl', 'captions.refined.jsonl'
"""Names of a set's files, in the set's folder."""


class CaptionFileError(ValueError):
    """Captions that are missing, cannot be read, or are not of this set."""


@dataclass(frozen=True)
class Caption:
    """What is said of one clip.

    Args:
        id: the clip's name in its set, such as ``00012`` or ``Action/Happy/0267``.
        caption: the text.
        about: everything else of its line: ``source``, ``model``, ``prompt``, ``frames``, ...
    """
    id: str
    caption: str
    about: dict = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name by which ``00012``, ``12`` and ``12.mp4`` are one clip."""
        return clip_path_key(self.id)

    def entry(self) -> dict:
        """What its line holds."""
        return dict(id=self.id, caption=self.caption, **self.about)


def read_captions(path: str | Path, ids: Collection[str] | None = None, empty_ok: bool = False) -> dict[str, Caption]:
    """The captions of a file by their clips' keys, in the file's order.

    Args:
        path: the file.
        ids: names of the set's clips; a caption of any other clip is refused.
        empty_ok: whether a caption may be an empty text.

    Raises:
        CaptionFileError: for a file that is missing, empty, not UTF-8 or cut short; for a line that is no
            caption, an empty caption, a clip with two captions, or one that is not in ``ids``.
    """
    captions: dict[str, Caption] = {}
    first: dict[str, int] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        caption = _parse(line, f'{path}:{number}', last=not line.endswith('\n'))
        if not caption.caption.strip() and not empty_ok:
            raise CaptionFileError(f'{path}:{number}: the caption of {caption.id} is empty; write one, or take the '
                                   'line out')
        if caption.key in first:
            raise CaptionFileError(f'{path}:{number}: clip {caption.id} has a caption in line {first[caption.key]} '
                                   'already; keep one of the two lines')
        first[caption.key] = number
        captions[caption.key] = caption
    if not captions:
        raise CaptionFileError(f'{path}: holds no caption; make them by mmdfer captions')
    if ids is not None:
        _refuse_unknown(path, captions, ids)
    return captions


def _refuse_unknown(path: str | Path, captions: dict[str, Caption], ids: Collection[str]) -> None:
    known = {clip_path_key(name) for name in ids}
    unknown = [caption.id for key, caption in captions.items() if key not in known]
    if unknown:
        raise CaptionFileError(f'{path}: {len(unknown)} of {len(captions)} captions are of clips that are not in the '
                               f'set (such as {", ".join(unknown[:5])}; the set has {len(known)} clips, such as '
                               f'{", ".join(sorted(known)[:3])}); give the captions of this set, or take those lines '
                               'out')


def _lines(path: str | Path) -> Iterator[str]:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise CaptionFileError(f'{path}: cannot be read ({error.strerror}); make it by mmdfer captions, or '
                               'give its path') from None
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        wide = data[:2] in (b'\xff\xfe', b'\xfe\xff')
        number = data.count(b'\n', 0, error.start) + 1
        raise CaptionFileError(f'{path}:{number}: is not UTF-8; write it again in UTF-8, such as by iconv -f '
                               f'{"UTF-16" if wide else "GBK"} -t UTF-8') from None
    # Not splitlines: a caption may hold other separators, such as U+2028.
    yield from (line.removesuffix('\r') + '\n' for line in text.split('\n')[:-1])
    if not text.endswith('\n') and text:
        yield text.rsplit('\n', 1)[-1]


def _parse(line: str, place: str, last: bool = False) -> Caption:
    try:
        entry = json.loads(line, object_pairs_hook=lambda pairs: _once(pairs, place))
    except CaptionFileError:
        raise
    except (ValueError, RecursionError):
        remedy = ('the file was cut short: start the tool that wrote it again' if last else
                  'expected one {"id": ..., "caption": ...} a line')
        raise CaptionFileError(f'{place}: is no JSON object ({line.strip()[:60]!r}); {remedy}') from None
    if not isinstance(entry, dict):
        raise CaptionFileError(f'{place}: is no JSON object; expected one {{"id": ..., "caption": ...}} a line')
    for name in ('id', 'caption'):
        if name not in entry:
            raise CaptionFileError(f'{place}: has no {name!r} (it has {", ".join(map(repr, entry)) or "nothing"}); '
                                   'expected {"id": ..., "caption": ...}')
    if isinstance(entry['id'], int) and not isinstance(entry['id'], bool):
        entry['id'] = str(entry['id'])
    for name in ('id', 'caption'):
        if not isinstance(entry[name], str):
            raise CaptionFileError(f'{place}: {name}={entry[name]!r} is no text')
    if any('\ud800' <= letter <= '\udfff' for letter in entry['caption']):
        raise CaptionFileError(f'{place}: the caption of {entry["id"]!a} holds half of a character; write it again')
    if not entry['id'].strip():
        raise CaptionFileError(f"{place}: 'id' is empty; expected a clip's name")
    return Caption(entry.pop('id'), entry.pop('caption'), entry)


def _once(pairs: list[tuple[str, Any]], place: str) -> dict:
    """An object of these entries, none of which is there twice."""
    entry = dict(pairs)
    if len(entry) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise CaptionFileError(f'{place}: {twice!r} is there twice in a line; keep one')
    return entry


def write_captions(captions: Iterable[Caption], path: str | Path) -> None:
    """Write a file of captions whole or not at all; of a file's name that is no Unicode stand JSON's own escapes."""
    with whole_file(path) as partial, open(partial, 'w', encoding='utf-8', errors='backslashreplace',
                                           newline='\n') as file:
        file.writelines(json.dumps(caption.entry(), ensure_ascii=False) + '\n' for caption in captions)


class CaptionJournal:
    """Captions as they are made, kept in ``<path>.journal`` until the whole file is written at the end.

    What a killed run left behind is in ``captions`` at the start; a half-written last line is dropped and said.
    Until :meth:`close` no other process can caption into the same file.

    Args:
        path: the file of captions to be.

    Raises:
        CaptionFileError: if the journal holds something else.
        WriteError: if another process is writing it, or it cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.journal = Journal(self.path.with_name(f'{self.path.name}.journal'))
        if self.journal.claim():
            print(f'{self.journal.path}: its last line is half-written and was dropped; its clip is done again')
        self.captions = read_captions(self.journal.path, empty_ok=True) if any(self.journal.lines()) else {}

    def __enter__(self) -> CaptionJournal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def append(self, captions: Sequence[Caption]) -> None:
        """Add captions; they are on the disk when this returns."""
        self.journal.append(*(caption.entry() for caption in captions))
        self.captions.update((caption.key, caption) for caption in captions)

    def restart(self) -> None:
        """Forget what is there."""
        self.journal.keep(0)
        self.captions = {}

    def finish(self, captions: Iterable[Caption]) -> None:
        """Write the whole file, and take the journal away."""
        write_captions(captions, self.path)
        self.journal.remove()

    def close(self) -> None:
        """Let another process go on."""
        self.journal.close()
