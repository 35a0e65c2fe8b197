"""Faults between lists: a clip in train and test, folds that overlap or leave clips out, parts that are not all."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from .fault import Fault, some
from .listings import Listing


def fold_faults(listings: Sequence[Listing]) -> Iterator[Fault]:
    """Train and test of a setup must be disjoint; the folds' test sets too, and cover all clips."""
    setups: dict[tuple[str, str], dict[str, Listing]] = defaultdict(dict)
    for listing in listings:
        if listing.rows:
            setups[listing.dataset, listing.setup][listing.split] = listing
    for (name, setup), splits in setups.items():
        names = [(split, {key: shown for key, shown, _ in listing.rows}) for split, listing in splits.items()]
        for place, (split, keys) in enumerate(names):
            for other, others in names[place + 1:]:
                shared = [keys[key] for key in keys.keys() & others.keys()]
                if shared:
                    yield Fault('in train and test', f'{name}, {setup}',
                                f'{len(shared)} clips are in {split} and {other}', **some(sorted(shared)))
    for name, group in dict.fromkeys((listing.dataset, listing.part.group) for listing in listings):
        yield from _coverage(f'{name}, {group}' if group else name, [
            listing for listing in listings if (listing.dataset, listing.part.group) == (name, group)
            and 'fold' in listing.part.options])
    yield from _part_faults(listings)


def _coverage(where: str, folds: Sequence[Listing]) -> Iterator[Fault]:
    """Faults between folds; what a list that cannot be read would hold is not missed."""
    tested: dict[str, list[str]] = defaultdict(list)
    members: dict[str, set[str]] = defaultdict(set)
    names: dict[str, str] = {}
    for listing in folds:
        keys = {key: name for key, name, _ in listing.rows}
        names.update(keys)
        members[listing.setup] |= keys.keys()
        if listing.split == listing.kind.SPLITS[-1]:
            for key in keys:
                tested[key].append(listing.setup)
    several = sorted(f'{names[key]} in {" and ".join(found)}' for key, found in tested.items() if len(found) > 1)
    if several:
        yield Fault('in two test folds', where, f'{len(several)} clips are tested in more than one fold',
                    **some(several))
    unread = {listing.setup for listing in folds if not listing.rows}
    if not unread:
        untested = sorted(names[key] for key in names.keys() - tested.keys())
        if untested:
            yield Fault('in no test fold', where, f'{len(untested)} clips are tested in no fold', **some(untested))
    for setup in members.keys() - unread:
        lacking = sorted(names[key] for key in names.keys() - members[setup])
        if lacking:
            yield Fault('left out of a fold', f'{where}, {setup}', f'{len(lacking)} clips are in neither of its lists',
                        **some(lacking))


def _part_faults(listings: Sequence[Listing]) -> Iterator[Fault]:
    """Parts such as FERV39k's scenes are the whole together, split alike."""
    for name, group, whole, split in dict.fromkeys(
        (listing.dataset, listing.part.group, listing.part.part_of, listing.split)
            for listing in listings
            if listing.part.part_of):
        own = [listing for listing in listings if listing.dataset == name and listing.split == split]
        keys = {key: shown for listing in own if listing.setup == whole for key, shown, _ in listing.rows}
        found = [listing for listing in own if listing.part.group == group]
        if not keys or not all(listing.rows for listing in found):
            continue
        parts = {key: shown for listing in found for key, shown, _ in listing.rows}
        differing = sorted((parts.get(key) or keys[key]) for key in parts.keys() ^ keys.keys())
        if differing:
            yield Fault(f'{group} and all differ', f'{name}, {split}',
                        f'{len(differing)} clips are in the lists of the '
                        f'{group} or in that of {whole} alone', **some(differing))
