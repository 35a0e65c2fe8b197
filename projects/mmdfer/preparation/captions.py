"""Captions of a whole set, by a model or from the set's own lists, in as many sittings as it takes."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dataset import Compose
from tqdm import tqdm

from ..captions.caption_file import RAW_NAME, Caption, CaptionFileError, CaptionJournal, read_captions, write_captions
from ..clip_names import clip_path_key, clip_stem
from ..datasets import BadClipError, ListedDataset
from ..datasets.transforms.clip import ClipDecode, ClipInit, SampleSegments
from .set_clips import SetClip

if TYPE_CHECKING:
    from ..captions.video_llava import VideoLlava


def caption_clips(clips: Sequence[SetClip], out: str | Path, model: VideoLlava, batch_size: int = 4,
                  limit: int | None = None, overwrite: bool = False) -> dict[str, int]:
    """Caption the clips that have no caption yet, and write the whole file at the end.

    Captions are kept in a journal beside it as they come, so a run that was killed goes on where it was. A file
    that is there already is added to, clip by clip; it stays whole until the new one is.

    Args:
        clips: what :func:`~mmdfer.preparation.set_clips.set_clips` or ``folder_clips`` found.
        out: file of the captions.
        model: what writes them.
        batch_size: clips at a time.
        limit: caption that many clips at most.
        overwrite: start anew where the captions are of another model or prompt.

    Returns:
        Number of clips ``captioned`` now, ``done`` before, ``empty`` (the model said nothing), ``unreadable``,
        and ``left`` by ``limit``.

    Raises:
        CaptionFileError: if there are captions of another model, prompt or set.
        WriteError: if another process is captioning into the same file, or it cannot be written.
        BadClipError: at the end, if some clips could not be read; it names them.
    """
    with CaptionJournal(out) as journal:
        return _caption_clips(clips, out, model, batch_size, limit, overwrite, journal)


def _caption_clips(clips: Sequence[SetClip], out: str | Path, model: VideoLlava, batch_size: int, limit: int | None,
                   overwrite: bool, journal: CaptionJournal) -> dict[str, int]:
    from ..captions.video_llava import NUM_FRAMES, PROMPT_VERSION
    about = dict(source='video_llava', model=model.name, prompt=PROMPT_VERSION)
    earlier = read_captions(out, empty_ok=True) if Path(out).exists() else {}
    done = {**earlier, **journal.captions}
    if overwrite and any(not _is_of(caption, about) for caption in done.values()):
        journal.restart()
        done = {}
    _check_names(clips)
    _check_done(done, clips, about, out)
    open_clip = Compose([ClipInit(), SampleSegments(NUM_FRAMES, test_mode=True), ClipDecode()])
    todo = [clip for clip in clips if clip_path_key(clip.name) not in done]
    counts = dict(captioned=0, done=len(clips) - len(todo), empty=0, unreadable=0, left=0)
    if counts['done']:
        print(f'{counts["done"]} of {len(clips)} clips are done already')
    if limit is not None:
        counts['left'], todo = max(len(todo) - limit, 0), todo[:limit]
    reasons = []
    with tqdm(total=len(todo), unit='clip', desc=str(out), disable=not todo) as bar:
        for batch, unread in _batches(todo, open_clip, batch_size):
            reasons += unread
            if batch:
                texts = model.caption([opened['imgs'] for _, opened in batch])
                journal.append([Caption(clip.name, text, dict(about, frames=opened['frame_inds'].tolist()))
                                for (clip, opened), text in zip(batch, texts)])
                counts['captioned'] += len(batch)
                counts['empty'] += sum(not text for text in texts)
            bar.update(len(batch) + len(unread))
    counts['unreadable'] = len(reasons)
    done.update(journal.captions)
    keys = [clip_path_key(clip.name) for clip in clips]
    if done:
        journal.finish(done[key] for key in keys if key in done)
    words = dict(empty='of them empty', left='left for later', unreadable='unreadable')
    print(f'{out}: {len(done)} captions of {len(clips)} clips: {counts["captioned"]} written now, {counts["done"]} '
          'before' + ''.join(f', {counts[name]} {text}' for name, text in words.items() if counts[name]))
    if reasons:
        raise BadClipError(f'{len(reasons)} of {len(clips)} clips could not be read: {"; ".join(reasons[:3])}')
    return counts


def list_captions(kind: type[ListedDataset], root: str, out: str | Path, frames: str | None = None,
                  **options: Any) -> dict[str, int]:
    """Write the English captions of a set's own lists as a file of captions.

    Args:
        kind: the set's class.
        root: the set's folder.
        out: file of the captions; replaced if it holds the set's own.
        frames: the folder of frame folders or videos below ``root``, if not the set's usual one.
        options: of the data set, such as ``class_order``.

    Returns:
        Number of clips with a caption (``captioned``) and without (``without``, such as MAFW's neutral ones).

    Raises:
        DatasetError: for a set or folder without lists that hold captions.
        CaptionFileError: if ``out`` holds other captions.
    """
    about = dict(source=kind.METAINFO['dataset'])
    if Path(out).exists() and any(not _is_of(caption, about) for caption in read_captions(out, empty_ok=True).values()):
        raise CaptionFileError(
            f"{out}: holds captions that are not {kind.title()}'s own; keep them apart by another --out")
    if frames is not None:
        options['data_prefix'] = dict(clip=frames)
    texts: dict[str, str] = {}
    for split in kind.SPLITS:
        dataset = kind(pipeline=[], data_root=root, split=split, captions=True, skip_bad_clips=True, **options)
        below = Path(dataset.data_prefix['clip'])
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            clip = Path(info['clip']).relative_to(below)
            texts.setdefault(clip.with_name(clip_stem(clip.name)).as_posix(), info['caption'].strip())
    captions = [Caption(name, text, dict(about)) for name, text in sorted(texts.items()) if text]
    if not captions:
        raise CaptionFileError(f'{root}: its lists hold no caption; expected file, label, Chinese and English caption')
    write_captions(captions, out)
    print(f'{out}: {len(captions)} captions of {len(texts)} clips; the others have none in the lists')
    return dict(captioned=len(captions), without=len(texts) - len(captions))


def load_model(model: str, device: str = 'cpu', max_new_tokens: int = 120) -> VideoLlava:
    """A Video-LLaVA from a local folder or by its name on the hub."""
    from ..captions.video_llava import VideoLlava
    return VideoLlava(model, device, max_new_tokens)


def captions_path(root: str, out: str | None = None) -> Path:
    """Where a set's captions go: its own folder, or that of a video."""
    if out is not None:
        return Path(out)
    return (Path(root) if Path(root).is_dir() else Path(root).parent) / RAW_NAME


def _check_names(clips: Sequence[SetClip]) -> None:
    """Refuse clips that a file of captions cannot tell apart."""
    found: dict[str, SetClip] = {}
    for clip in clips:
        other = found.setdefault(clip_path_key(clip.name), clip)
        if other is not clip:
            raise CaptionFileError(f'{other.path} and {clip.path} have one name in a file of captions; rename one of '
                                   'them')


def _check_done(done: dict[str, Caption], clips: Sequence[SetClip], about: dict, out: str | Path) -> None:
    known = {clip_path_key(clip.name) for clip in clips}
    for key, caption in done.items():
        if key not in known:
            raise CaptionFileError(f'{out}: holds a caption of {caption.id}, which is no clip of this set; keep sets '
                                   'apart by another --out')
        if not _is_of(caption, about):
            found = ', '.join(f'{name} {caption.about.get(name, "unknown")}' for name in about)
            wanted = ', '.join(f'{name} {value}' for name, value in about.items())
            raise CaptionFileError(f'{out}: the caption of {caption.id} is of {found}, not of {wanted}; keep them '
                                   'apart by another --out, or replace them by --overwrite')


def _is_of(caption: Caption, about: dict) -> bool:
    return all(caption.about.get(name) == value for name, value in about.items())


def _batches(clips: Sequence[SetClip], open_clip: Compose,
             size: int) -> Iterator[tuple[list[tuple[SetClip, dict]], list[str]]]:
    """Opened clips, ``size`` at a time, and why others among them cannot be read."""
    for start in range(0, len(clips), size):
        batch, unread = [], []
        for clip in clips[start:start + size]:
            try:
                batch.append((clip, open_clip(dict(clip=clip.path, modality='RGB'))))
            except BadClipError as error:
                unread.append(str(error))
        yield batch, unread
