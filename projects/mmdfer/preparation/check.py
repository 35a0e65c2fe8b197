"""Checking a user's copy of a data set: a table, a JSON file and a sheet of example clips."""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from ..clip_names import entries_of, is_folder
from ..datasets import BadClipError, DFERDataset
from ..datasets.clips import Clip
from ..files import write_json
from ..registry import find_set
from .checking import Listing, find_faults, inspect_clips, read_listings

THUMB = 128
MOST_ROWS = 24
Draw = Callable[[Sequence[np.ndarray], str, int, Sequence[str]], Any]
"""Draws pictures (H, W, 3) into a file, so many a row, with a line below each."""


def check_dataset(kind: str | type[DFERDataset], root: str, clip: str | None = None, out: str | None = None,
                  decode: str = 'first', workers: int = 1, published: bool = True, fresh: bool = False,
                  draw: Draw | None = None, **options: Any) -> dict:
    """Check a copy, print what was found, and write ``report.json`` and, where it can be drawn, ``examples.png``.

    Args:
        kind: the set's class, or its short name, such as ``'dfew'``; ``'folder'`` for class folders.
        root: the copy's folder.
        clip: its clip folder, instead of the set's usual one.
        out: where the results go. Defaults to ``work_dirs/check_<short name>``.
        decode: ``'all'`` frames, the ``'first'`` and the middle one of each clip, or ``'none'``.
        workers: processes.
        published: compare with the published sizes; not for a part of a set.
        fresh: look into clips anew that an earlier run into ``out`` found whole.
        draw: draws pictures into a sheet, such as :func:`mmdfer.visualization.contact_sheet`.
        options: of the data set, such as ``label_base`` and ``class_order``.

    Returns:
        The content of ``report.json``; ``faults`` is empty for a whole copy.

    Raises:
        DatasetError: if the folder or its clip folder is missing.
        ValueError: for a short name that no set has.
    """
    kind = find_set(kind, DFERDataset) if isinstance(kind, str) else kind
    name = kind.METAINFO['dataset']
    out = out or os.path.join('work_dirs', f'check_{name}')
    listings, clips, folder = read_listings(kind, root, clip, **options)
    listed = {key for listing in listings for key, _, _ in listing.rows}
    paths = sorted(path for key, path in clips.items() if key in listed)
    found = inspect_clips(paths, decode, os.path.join(out, 'clips.jsonl'), workers, fresh)
    reports = dict(tqdm(found, total=len(paths), desc='clips', unit='clip', mininterval=1))
    faults = find_faults(listings, clips, reports, folder, published)
    report = dict(
        kind=name, root=os.path.abspath(root), folder=folder, decoded=decode,
        other_folders=other_folders(folder) if os.path.normpath(folder) != os.path.normpath(root) else [],
        lists=[_list_summary(listing, published) for listing in listings],
        clips=dict(listed=len(listed), present=len(paths), **frame_summary(reports)),
        faults=[fault.entry() for fault in faults if fault.level == 'fault'],
        notes=[fault.entry() for fault in faults if fault.level == 'note'])
    write_json(report, os.path.join(out, 'report.json'))
    print(format_report(report, faults))
    sheet = os.path.join(out, 'examples.png')
    has_sheet = draw is not None and draw_examples(listings, clips, reports, folder, sheet, draw)
    print(f'\nreport.json{" and examples.png are" if has_sheet else " is"} in {out}')
    return report


def other_folders(folder: str) -> list[str]:
    """Folders beside the clip folder, which may hold the same clips in another form."""
    parent = os.path.dirname(os.path.normpath(folder))
    if not os.path.isdir(parent):
        return []
    return sorted(entry.name for entry in entries_of(parent) if is_folder(entry)
                  and entry.name != os.path.basename(folder))


def _list_summary(listing: Listing, published: bool) -> dict:
    size = listing.published if published else None
    return dict(dataset=listing.dataset, setup=listing.setup, split=listing.split, path=listing.path,
                clips=len(listing.rows), published=size,
                classes=dict(zip(listing.classes, listing.counts())), dialect=listing.dialect, labels=listing.labelled,
                error=listing.error)


def frame_summary(reports: Mapping[str, dict]) -> dict:
    """Frames a clip and sizes of the frames over all clips that could be read."""
    whole = [report for report in reports.values() if not report['error']]
    frames = np.array([report['frames'] for report in whole] or [0])
    sizes: Counter = Counter()
    for report in whole:
        for width, height, _ in report['sizes'][:1]:
            sizes[f'{width}x{height}'] += 1
    return dict(readable=len(whole), frames=dict(mean=round(float(frames.mean()), 1), min=int(frames.min()),
                                                 max=int(frames.max())), sizes=dict(sizes.most_common()))


def format_report(report: dict, faults: Sequence) -> str:
    """The report as a table and lines for a terminal."""
    lines = [f'{report["kind"]} in {report["root"]}']
    beside = f' (beside it: {", ".join(report["other_folders"])})' if report['other_folders'] else ''
    lines += [f'clips: {report["folder"]}{beside}', '', '| set | list | clips | published | clips a class |',
              '|---|---|---:|---:|---|']
    rows = report['lists']
    shown = rows if len(rows) <= MOST_ROWS else [row for row in rows if row['published'] or row['error']]
    shown = shown or rows[:MOST_ROWS]
    for row in shown:
        counts = list(row['classes'].values())
        present = f'{sum(map(bool, counts))} of {len(counts)} classes'
        classes = ' '.join(map(str, counts)) if len(counts) <= 12 else present
        lines.append(f'| {row["dataset"]} | {row["setup"]} {row["split"]} | {row["clips"]:,} | '
                     f'{"" if row["published"] is None else format(row["published"], ",")} | '
                     f'{"unreadable" if row["error"] else classes} |')
    if len(shown) < len(rows):
        lines.append(f'{len(rows) - len(shown)} lists more, without a published size, are in report.json')
    for name in dict.fromkeys(row['dataset'] for row in rows):
        own = [row for row in rows if row['dataset'] == name]
        if len(own[0]['classes']) <= 12:
            lines.append(f'classes of {name}: {", ".join(own[0]["classes"])}')
        for dialect, number in Counter((row['dialect'], row['labels']) for row in own if not row['error']).items():
            lines.append(f'{number} lists of {name}: {dialect[0]}; {dialect[1]}')
    clips = report['clips']
    lines += ['', f'{clips["listed"]:,} clips listed, {clips["present"]:,} present, {clips["readable"]:,} readable '
              f'(decoded: {report["decoded"]}); {clips["frames"]["min"]} to {clips["frames"]["max"]} frames, mean '
              f'{clips["frames"]["mean"]}']
    if clips['sizes']:
        common = list(clips['sizes'].items())[:8]
        rest = len(clips['sizes']) - len(common)
        lines.append('frame sizes: ' + ', '.join(f'{size} in {count:,} clips' for size, count in common)
                     + (f' and {rest} sizes more' if rest else ''))
    for level in ('note', 'fault'):
        lines += [f'{level}: {fault}' for fault in faults if fault.level == level]
    count = len(report['faults'])
    lines.append(f'{count} fault{"s" if count != 1 else ""} found' if count else 'no fault found')
    return '\n'.join(lines)


def draw_examples(listings: Sequence[Listing], clips: Mapping[str, str], reports: Mapping[str, dict], folder: str,
                  path: str, draw: Draw) -> bool:
    """A sheet with the middle frames of some readable clips of each class, a row a class; False if there are none."""
    main = listings[0]
    columns = 8 if len(main.classes) <= 12 else 4
    by_class: dict[int, list[str]] = {label: [] for label in range(len(main.classes))}
    for listing in listings:
        if listing.dataset == main.dataset and listing.setup == main.setup:
            for key, _, label in listing.rows:
                if not reports.get(clips.get(key), dict(error='unread'))['error']:
                    by_class[label].append(clips[key])
    images, captions = [], []
    for label, found in by_class.items():
        step = max(1, len(found) // columns)
        shown = [(clip, _middle_frame(clip)) for clip in found[::step][:columns]]
        shown = [(clip, image) for clip, image in shown if image is not None]
        images += [image for _, image in shown] + [np.full((THUMB, THUMB), 255, np.uint8)] * (columns - len(shown))
        captions += [f'{main.classes[label]}\n{os.path.relpath(clip, folder)}' for clip, _ in shown]
        captions += [f'{main.classes[label]}: none\n' if not shown and not place else '\n'
                     for place in range(columns - len(shown))]
    if not any(by_class.values()):
        return False
    draw(images, path, columns, captions)
    return True


def _middle_frame(clip: str) -> np.ndarray | None:
    """A clip's middle frame, at most ``THUMB`` wide and high; None if it does not decode."""
    try:
        with Clip(clip) as opened:
            image = opened.frame(len(opened) // 2)
    except BadClipError:
        return None
    scale = THUMB / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
