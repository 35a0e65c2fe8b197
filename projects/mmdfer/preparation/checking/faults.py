"""What is wrong with a copy: pure functions from its lists and the reports of its clips to faults."""
from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ...datasets.clips import natural_key
from .fault import Fault, some
from .folds import fold_faults
from .listings import Listing

MOST_SHOWN = 50     # damaged frames, on a terminal; the report has all
SHORT = 16      # frames that the published models take from a clip


def find_faults(listings: Sequence[Listing], clips: Mapping[str, str], reports: Mapping[str, dict], folder: str,
                published: bool = True) -> list[Fault]:
    """All faults and notes of a copy.

    Args:
        listings: its lists.
        clips: paths of its clips by key; those of :class:`ClipPaths` tell which are there more than once.
        reports: what :func:`inspect_clip` says, by path; of some clips or none.
        folder: its clip folder.
        published: compare with the published sizes.
    """
    faults = [*_list_faults(listings), *_label_faults(listings), *fold_faults(listings)]
    if published:
        faults += _size_faults(listings)
    faults += [*_clip_faults(listings, clips, folder), *_ambiguous(listings, clips, folder),
               *_frame_faults(reports, folder, fixed_frames(listings, folder)),
               *_same_content(listings, clips, reports)]
    return sorted(faults, key=lambda fault: fault.level == 'note')


def _list_faults(listings: Sequence[Listing]) -> Iterator[Fault]:
    for listing in listings:
        if listing.error:
            kind = 'missing list' if listing.is_missing else 'unreadable list'
            yield Fault(kind, listing.path, listing.error.removeprefix(listing.path).lstrip(': '),
                        listing.bad_lines, max(len(listing.bad_lines), 1))
            continue
        if not listing.rows:
            yield Fault('empty list', listing.path, 'lists no clip')
            continue
        absent = [name for name, count in zip(listing.classes, listing.counts()) if not count]
        if absent and not listing.part.lacks_classes:
            yield Fault('absent class', listing.path, f'no clip of {", ".join(absent)}', count=len(absent))
        if listing.uncaptioned:
            yield Fault('no caption', listing.path, f'{len(listing.uncaptioned)} clips lack a caption',
                        **some(listing.uncaptioned))
    spoken: dict[tuple, list[Listing]] = defaultdict(list)
    for listing in listings:
        if listing.rows:
            spoken[listing.dataset, listing.labelled].append(listing)
    for name in {listing.dataset for listing in listings}:
        said = {labelled: found for (dataset, labelled), found in spoken.items() if dataset == name}
        if len(said) > 1:
            told = '; '.join(f'{labelled} ({len(found)}, such as {found[0].path})' for labelled, found in said.items())
            yield Fault('mixed dialects', name, f'lists of one copy differ: {told}', count=len(said))


def _label_faults(listings: Sequence[Listing]) -> Iterator[Fault]:
    by_set: dict[str, dict[str, set]] = defaultdict(lambda: defaultdict(set))
    for listing in listings:
        seen: dict[str, int] = {}
        repeats = []
        for key, name, label in listing.rows:
            if key in seen:
                repeats.append(name)
            seen[key] = label
            by_set[listing.dataset][key].add(listing.classes[label])
        if repeats:
            yield Fault('listed twice', listing.path, f'{len(repeats)} clips are listed again', **some(repeats))
        if listing.misplaced:
            yield Fault('label and folder differ', listing.path,
                        f"{len(listing.misplaced)} labels are not their clips' folders", **some(listing.misplaced))
    for name, labels in by_set.items():
        torn = [f'{key} as {" and ".join(sorted(found))}' for key, found in labels.items() if len(found) > 1]
        if torn:
            yield Fault('two labels', name, f'{len(torn)} clips have different labels in its lists', **some(torn))


def _size_faults(listings: Sequence[Listing]) -> Iterator[Fault]:
    for listing in listings:
        if not listing.rows:
            continue
        if listing.published not in (None, len(listing.rows)):
            yield Fault('size', listing.path, f'lists {len(listing.rows)} clips; published: {listing.published}')
        wrong = [f'{name} {count}, published {expected}' for name, count, expected
                 in zip(listing.classes, listing.counts(), listing.published_counts or ()) if count != expected]
        if wrong:
            yield Fault('class size', listing.path, '; '.join(wrong), count=len(wrong))
    for kind in dict.fromkeys(listing.kind for listing in listings):
        keys = {key for listing in listings if listing.kind is kind for key, _, _ in listing.rows}
        if keys and kind.TOTAL not in (None, len(keys)):
            yield Fault('total', kind.METAINFO['dataset'], f'its lists name {len(keys)} clips; published: {kind.TOTAL}')


def _clip_faults(listings: Sequence[Listing], clips: Mapping[str, str], folder: str) -> Iterator[Fault]:
    listed = {key: name for listing in listings for key, name, _ in listing.rows}
    missing = sorted(name for key, name in listed.items() if key not in clips)
    if missing:
        yield Fault('missing clip', folder, f'{len(missing)} of {len(listed)} listed clips have no folder or video',
                    **some(missing))
    unlisted = sorted(clips.keys() - listed.keys(), key=natural_key)
    if unlisted:
        yield Fault('not listed', folder, f'{len(unlisted)} clips are in no list', level='note', **some(unlisted))


def _ambiguous(listings: Sequence[Listing], clips: Mapping[str, str], folder: str) -> Iterator[Fault]:
    listed = {key for listing in listings for key, _, _ in listing.rows}
    several = {key: ' and '.join(os.path.relpath(path, folder) for path in paths)
               for key, paths in getattr(clips, 'several', {}).items()}
    for keys, level, told in ((several.keys() & listed, 'fault', 'of which one is meant: keep one of each'),
                              (several.keys() - listed, 'note', 'but are in no list')):
        if keys:
            yield Fault('ambiguous clip', folder, f'{len(keys)} clips are there more than once, {told}', level=level,
                        **some(natural([several[key] for key in keys])))


def fixed_frames(listings: Sequence[Listing], folder: str) -> int | None:
    """The frames that every clip of a folder has, where its set says so."""
    parts = os.path.normpath(folder).split(os.sep)
    said = {tuple(os.path.normpath(name).split('/')): number for name, number in listings[0].kind.FRAMES.items()}
    return next((number for name, number in said.items() if tuple(parts[-len(name):]) == name), None)


def _frame_faults(reports: Mapping[str, dict], folder: str, fixed: int | None) -> Iterator[Fault]:
    broken: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for path, report in reports.items():
        if report['error']:
            files = report.get('damaged') or [path]
            broken[kind_of_error(report['error'])].append((report['error'], files))
    for kind, errors in broken.items():
        files = natural([os.path.relpath(file, folder) for _, found in errors for file in found])
        frames = f', {len(files)} frames' if len(files) > len(errors) else ''
        yield Fault(kind, folder, f'{len(errors)} clips{frames}: {min(errors)[0]}', tuple(files), count=len(errors),
                    shown=MOST_SHOWN)
    whole = {path: report for path, report in reports.items() if not report['error']}

    def named(condition) -> list[str]:
        found = sorted(path for path, report in whole.items() if condition(report))
        return [os.path.relpath(path, folder) for path in found]

    if fixed is not None:
        wrong = named(lambda report: report['frames'] != fixed)
        if wrong:
            yield Fault(f'not {fixed} frames', folder, f'{len(wrong)} clips have another number of frames',
                        **some(wrong))
    for kind, condition, message in (
            ('short', lambda report: report['frames'] < SHORT, f'clips have fewer than {SHORT} frames; they are padded '
             'with their last one'),
            ('gap', lambda report: report['gap'], "clips' frame numbers leave some out"),
            ('mixed sizes', lambda report: len(report['sizes']) > 1, 'clips have frames of several sizes')):
        found = named(condition)
        if found:
            yield Fault(kind, folder, f'{len(found)} {message}', level='note', **some(found))
    unread = natural([os.path.relpath(file, folder) for report in reports.values()
                      for file in report.get('unread', ())])
    contested = [f'{os.path.relpath(path, folder)}: {report["contested"]}' for path, report in sorted(whole.items())
                 if report.get('contested')]
    if contested:
        yield Fault('read differently', folder, f'{len(contested)} videos are of kinds that readers differ on: other '
                    'tools may show other frames of them', level='note', **some(contested))
    if unread:
        yield Fault('unread pictures', folder,
                    f'{len(unread)} pictures are of kinds that are not read, and are no frames; save '
                    'them as .png where they should be', level='note', **some(unread))


def natural(names: Sequence[str]) -> list[str]:
    return sorted(names, key=natural_key)


def kind_of_error(error: str) -> str:
    """A short name for what an error of a clip says."""
    for words, kind in (('holds no frame', 'no frames'), ('is damaged', 'damaged frame'), ('is cut short', 'cut frame'),
                        ('is empty', 'empty frame'),
                        ('video', 'undecodable video'), ('does not decode', 'undecodable frame')):
        if words in error:
            return kind
    return 'unreadable clip'


def _same_content(listings: Sequence[Listing], clips: Mapping[str, str],
                  reports: Mapping[str, dict]) -> Iterator[Fault]:
    alike: dict[str, list[str]] = defaultdict(list)
    for key, path in clips.items():
        digest = reports.get(path, {}).get('digest')
        if digest:
            alike[digest].append(key)
    groups = [sorted(keys) for keys in alike.values() if len(keys) > 1]
    if not groups:
        return
    yield Fault('same content', 'clips', f'{len(groups)} groups of clips have the same frames',
                **some([' = '.join(keys) for keys in groups]))
    places: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for listing in listings:
        for key, _, _ in listing.rows:
            places[listing.dataset, listing.setup][key] = listing.split
    for (name, setup), splits in places.items():
        leaks = [' = '.join(keys) for keys in groups
                 if len(Counter(splits[key] for key in keys if key in splits)) > 1]
        if leaks:
            yield Fault('same content in train and test', f'{name}, {setup}', f'{len(leaks)} groups', **some(leaks))
