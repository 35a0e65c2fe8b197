"""What ``mmdfer weights`` tells of registered weights."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..names import nearest
from ..weights import is_tunable_file, read_checkpoint
from ..weights.fetching import MISSING, RIGHT, WRONG, digest, fetch, state_of
from ..weights.registry import Entry, known_weights


def list_weights(file: str | None = None) -> list[str]:
    """A line for each name: size, licence, config and base, and whether its file is in the cache."""
    rows = [('name', 'MB', 'licence', 'config', 'base', 'here', 'note')]
    for entry in known_weights(file).values():
        size = '?' if entry.size is None else f'{entry.size / 1e6:.1f}'
        rows.append((entry.name, size, entry.licence, entry.config or '-', entry.base or '-',
                     'yes' if entry.path.is_file() else 'no', entry.note or ''))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ['  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def fetch_weights(names: Sequence[str], file: str | None = None) -> list[tuple[Entry, Path]]:
    """Fetch the weights of these names and what they stand on, each once, bases first."""
    entries = known_weights(file)
    wanted: dict[str, Entry] = {}
    for entry in _chosen(names, entries):
        chain = [entry]
        while chain[-1].base is not None and entries[chain[-1].base] not in chain:
            chain.append(entries[chain[-1].base])
        wanted.update((one.name, one) for one in reversed(chain))
    return [(entry, fetch(entry)) for entry in wanted.values()]


def check_weights(names: Sequence[str], file: str | None = None) -> tuple[list[str], bool]:
    """A line for each name's file, of all without names, and whether none is wrong."""
    entries = known_weights(file)
    states = {entry: state_of(entry) for entry in (_chosen(names, entries) if names else entries.values())}
    remedies = {WRONG: ', not what the registry says: fetch it again', MISSING: '', RIGHT: ''}
    lines = [f'{entry.name}: {state}{remedies[state]} ({entry.path})' for entry, state in states.items()]
    return lines, WRONG not in states.values()


def entry_of_file(path: str, url: str, licence: str, citation: str, name: str | None = None,
                  base: str | None = None) -> str:
    """A registry with one entry, of a file that somebody is going to put at an address.

    Raises:
        CheckpointError: for a file that is no checkpoint.
    """
    import yaml
    meta = read_checkpoint(path).get('meta') or {}
    entry = dict(Name=name or Path(path).stem, URL=url, Size=Path(path).stat().st_size, SHA256=digest(Path(path)),
                 Licence=licence, Citation=citation)
    if isinstance(meta.get('config'), str):
        entry['Config'] = Path(meta['config']).stem
    if base is not None:
        entry['Base'] = base
    elif is_tunable_file(path):
        entry['Note'] = 'tunable part alone; name what it stands on by Base'
    return yaml.safe_dump(dict(Weights=[entry]), sort_keys=False, allow_unicode=True, width=120)


def _chosen(names: Sequence[str], entries: dict[str, Entry]) -> Iterable[Entry]:
    for name in names:
        if name not in entries:
            raise ValueError(f'{name}: no registered weights; {nearest(name, entries)}')
    return [entries[name] for name in names]
