"""A person's decisions on outliers: made in the terminal, kept line by line, applied to the refined captions."""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..clip_names import clip_path_key
from ..journals import Journal
from .caption_file import CaptionFileError
from .outliers import KINDS

CHOICES = ('accept', 'edit', 'drop')


@dataclass(frozen=True)
class Decision:
    """What is to become of one caption.

    Args:
        id: the clip's name.
        choice: one of :data:`CHOICES`.
        seen: the text that was decided on; once refinement gives another, the decision is void.
        caption: the text of an edited caption.
    """
    id: str
    choice: str
    seen: str
    caption: str | None = None


@dataclass(frozen=True)
class Outlier:
    """A caption to be looked at: clip, kinds, and the text before and after the rules."""
    id: str
    kinds: Sequence[str]
    before: str
    after: str


class Decisions:
    """A file of decisions, one JSON object a line, which grows as they are made; the last one on a clip holds.

    Args:
        path: the file; it may not be there yet.

    Raises:
        CaptionFileError: for a line that is no decision.
    """

    def __init__(self, path: str | Path) -> None:
        self._journal = Journal(path)
        self._made: dict[str, Decision] = {}
        if Path(path).exists() and not Path(path).read_bytes().endswith(b'\n'):
            with self._journal:
                if self._journal.claim():
                    print(f'{path}: its last line is half-written and was dropped; decide on that caption again')
        for number, line in enumerate(self._journal.lines(), 1):
            if line.strip():
                decision = _decision(line, f'{path}:{number}')
                self._made[clip_path_key(decision.id)] = decision

    def on(self, id: str, text: str) -> Decision | None:
        """The decision on a clip's caption, if it was made on this text."""
        decision = self._made.get(clip_path_key(id))
        return decision if decision is not None and decision.seen == text else None

    def make(self, decision: Decision) -> None:
        """Keep a decision; it is on the disk when this returns."""
        with self._journal:
            self._journal.append(asdict(decision))
        self._made[clip_path_key(decision.id)] = decision


def _decision(line: bytes, place: str) -> Decision:
    try:
        decision = Decision(**json.loads(line))
        is_one = decision.choice in CHOICES and (decision.choice != 'edit' or bool(decision.caption))
    except (ValueError, TypeError):
        is_one = False
    if not is_one:
        raise CaptionFileError(f'{place}: is no decision; expected id, choice ({", ".join(CHOICES)}), seen and, for '
                               'edit, caption; take the line out, or delete the file')
    return decision


def review(outliers: Sequence[Outlier], decisions: Decisions, warn: Callable[[str], Sequence[str]]) -> int:
    """Ask for a decision on each outlier that has none, in the terminal.

    Args:
        outliers: the captions to look at.
        decisions: where they go, at once; ending the pass loses nothing.
        warn: kinds of outliers that a text which was typed in still is.

    Returns:
        Number of outliers left without a decision.
    """
    open_ones = [outlier for outlier in outliers if decisions.on(outlier.id, outlier.after) is None]
    made = 0
    for number, outlier in enumerate(open_ones, 1):
        print(f'\n{number}/{len(open_ones)}  {outlier.id}: {"; ".join(KINDS[kind] for kind in outlier.kinds)}')
        if outlier.before != outlier.after:
            print(f'  before: {outlier.before}')
        print(f'  now:    {outlier.after or "(nothing)"}')
        try:
            choice, caption = _ask(outlier, warn)
        except (EOFError, KeyboardInterrupt):
            choice, caption = 'quit', None
        if choice == 'quit':
            break
        if choice != 'skip':
            decisions.make(Decision(outlier.id, choice, outlier.after, caption))
            made += 1
    return len(open_ones) - made


def _ask(outlier: Outlier, warn: Callable[[str], Sequence[str]]) -> tuple[str, str | None]:
    words = dict(a='accept', e='edit', d='drop', s='skip', q='quit')
    while True:
        answer = input('  [a]ccept, [e]dit, [d]rop, [s]kip, [q]uit: ').strip().lower()
        choice = words.get(answer[:1])
        if choice is None or not words[answer[0]].startswith(answer):
            continue
        if choice == 'accept' and not outlier.after:
            print('  there is no text to accept: edit or drop it')
            continue
        if choice != 'edit':
            return choice, None
        text = ' '.join(input('  new text: ').split())
        if not text:
            print('  an empty text is no caption: drop it, or type one')
            continue
        kinds = warn(text)
        if kinds:
            print(f'  (this text: {"; ".join(KINDS[kind] for kind in kinds)})')
        return 'edit', text
