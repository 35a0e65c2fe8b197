"""Names of weights: where each lies, what it must be, under which licence, of which paper, on which other it stands.

A registry is a YAML file, ``Weights``, a list of entries::

    Weights:
    - Name: fe_adapter_vitb_dfew_1          # letters, digits, '.', '_', '-'
      URL: https://example.org/best.safetensors
      Size: 26512345                        # bytes; may be left out, the checksum decides
      SHA256: 5806e77c...
      Licence: CC-BY-NC-4.0
      Citation: 'Somebody et al., ...'
      Config: fe_adapter_vitb_dfew          # may be left out
      Base: vitb_in21k                      # the name of what a tunable file stands on; may be left out
      Note: fold 1 of DFEW                  # may be left out

The package's own (``known.yaml``) is read first, then ``weights.yaml`` in the cache folder, which is the user's.
"""
from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..names import nearest
from .cache import cache_folder
from .errors import CheckpointError, plain

KNOWN = Path(__file__).with_name('known.yaml')
OWN = 'weights.yaml'
NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,99}')
DIGEST = re.compile(r'[0-9a-f]{64}')
NEEDED, FURTHER = ('Name', 'URL', 'SHA256', 'Licence', 'Citation'), ('Size', 'Config', 'Base', 'Note')


@dataclass(frozen=True)
class Entry:
    """Weights with a name; see this module's docstring."""
    name: str
    url: str
    sha256: str
    licence: str
    citation: str
    size: int | None = None
    config: str | None = None
    base: str | None = None
    note: str | None = None

    @property
    def file_name(self) -> str:
        """The last part of the address, as a file may be called."""
        last = unquote(urlsplit(self.url).path).rpartition('/')[2]
        return re.sub(r'[^A-Za-z0-9._-]', '_', last).lstrip('.') or 'weights'

    @property
    def path(self) -> Path:
        """Where it is kept. Another file under the same name is kept elsewhere."""
        return cache_folder() / 'weights' / f'{self.name}-{self.sha256[:8]}' / self.file_name


def known_weights(file: str | os.PathLike | None = None) -> dict[str, Entry]:
    """Entries by name, those of the package, of the user's own registry, and of a file; a later one counts.

    Raises:
        CheckpointError: for a registry that is none, or a ``Base`` that no registry names.
    """
    own = cache_folder() / OWN
    files = [KNOWN, *([own] if own.is_file() else ()), *([Path(file)] if file is not None else ())]
    entries = {entry.name: entry for path in files for entry in read_registry(path)}
    for entry in entries.values():
        if entry.base is not None and entry.base not in entries:
            raise CheckpointError(f'{entry.name}: its Base {entry.base!r} is in no registry; '
                                  f'{nearest(entry.base, entries)}')
    return entries


def read_registry(path: Path) -> list[Entry]:
    """The entries of one file.

    Raises:
        CheckpointError: naming the entry and the field that is not what it must be.
    """
    import yaml
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CheckpointError(f'{path}: is no registry of weights ({plain(error, 120)})') from None
    listed = content.get('Weights') if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise CheckpointError(f"{path}: is no registry of weights: expected 'Weights:' and a list of entries with "
                              f'{", ".join(NEEDED)}')
    entries = [_entry(one, f'{path}: entry {number}') for number, one in enumerate(listed, 1)]
    names = [entry.name for entry in entries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CheckpointError(f'{path}: names {twice} twice; give each a name of its own')
    return entries


def _entry(found: object, where: str) -> Entry:
    if not isinstance(found, dict):
        raise CheckpointError(f'{where}: expected fields {", ".join(NEEDED)}, found {plain(found)}')
    where = f'{where} ({plain(found.get("Name", "without Name"))})'
    unknown = next((key for key in found if key not in (*NEEDED, *FURTHER)), None)
    if unknown is not None:
        fields = NEEDED + FURTHER
        raise CheckpointError(f'{where}: field {plain(unknown)} is not known; {nearest(str(unknown), fields)}')
    for key in NEEDED:
        if not isinstance(found.get(key), str) or not found[key].strip():
            raise CheckpointError(f'{where}: {key} is missing or no text')
    for key in FURTHER[1:]:
        if not isinstance(found.get(key, ''), str):
            raise CheckpointError(f'{where}: {key} must be a text, found {plain(found[key])}')
    size = found.get('Size')
    checks = (
        ('Name', NAME.fullmatch(found['Name']), "letters, digits, '.', '_' and '-'"),
        ('URL', urlsplit(found['URL']).scheme in ('http', 'https'), 'an address of http or https'),
        ('SHA256', DIGEST.fullmatch(found['SHA256'].lower()), '64 hexadecimal digits'),
        ('Size', size is None or type(size) is int and size > 0, 'a number of bytes'))
    for key, right, expected in checks:
        if not right:
            raise CheckpointError(f'{where}: {key} must be {expected}, found {plain(found[key])}')
    return Entry(found['Name'], found['URL'], found['SHA256'].lower(), found['Licence'], found['Citation'], size,
                 found.get('Config'), found.get('Base'), found.get('Note'))


def is_name(path: str | os.PathLike) -> bool:
    """Whether a checkpoint is called by a registered name; a file of that name goes first."""
    text = os.fspath(path)
    return bool(NAME.fullmatch(text)) and not os.path.exists(text) and text in known_weights()


def base_of(path: str | os.PathLike) -> str | None:
    """The name of what registered weights stand on, of those called by name."""
    return known_weights()[os.fspath(path)].base if is_name(path) else None


def located(path: str | os.PathLike) -> str | os.PathLike:
    """The file of a registered name, fetched if it is not there; another path as it is.

    Raises:
        CheckpointError: if it cannot be fetched, or is not what its entry says.
    """
    if not is_name(path):
        return path
    from .fetching import fetch
    return fetch(known_weights()[os.fspath(path)])
