"""The text of a config, laid out: what fits a line is one, and of what does not each entry begins its own."""
from __future__ import annotations

import ast
from collections.abc import Iterator

WIDTH = 79
INDENT = 4

Parts = tuple[str, list[tuple[str, ast.expr]], str]
"""What opens a value, what stands before each of its entries and the entry, and what closes it."""


def lay_out(text: str) -> str:
    """A config's assignments in lines of :data:`WIDTH` letters, where they can be broken.

    Takes hundredths of a second where yapf takes a quarter, and a second where a path is long.

    Raises:
        SyntaxError: where ``text`` is no Python.
    """
    lines: list[str] = []
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            lines.extend(_Entry(f'{ast.unparse(statement.targets[0])} = ', statement.value).lines())
        else:
            lines.append(ast.unparse(statement))
    return '\n'.join([*lines, ''])


class _Entry:
    """A value with what stands before it: as one line, and as the entries that it has."""

    def __init__(self, before: str, value: ast.expr) -> None:
        parts = _parts(value)
        self.open, self.close = before, ''
        self.entries: list[_Entry] = []
        self.whole = before + ast.unparse(value) if parts is None else ''
        if parts is not None:
            self.open, self.close = before + parts[0], parts[2]
            self.entries = [_Entry(*part) for part in parts[1]]
            self.whole = self.open + ', '.join(entry.whole for entry in self.entries) + self.close

    def lines(self, indent: int = 0, after: str = '') -> Iterator[str]:
        """Behind ``indent`` blanks; the last ends with ``after``."""
        blanks = indent * ' '
        if not self.entries or len(blanks + self.whole + after) <= WIDTH:
            yield blanks + self.whole + after
            return
        yield blanks + self.open
        for entry in self.entries[:-1]:
            yield from entry.lines(indent + INDENT, ',')
        yield from self.entries[-1].lines(indent + INDENT, self.close + after)


def _parts(value: ast.expr) -> Parts | None:
    """``None`` of what is written in one piece."""
    match value:
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if all(word.arg for word in keywords):
            words = [(f'{word.arg}=', word.value) for word in keywords]
            return f'{name}(', [*(('', one) for one in args), *words], ')'
        case ast.Dict(keys=keys, values=values) if all(keys):
            return '{', [(f'{ast.unparse(key)}: ', one) for key, one in zip(keys, values)], '}'
        case ast.List(elts=elements):
            return '[', [('', one) for one in elements], ']'
        case ast.Tuple(elts=elements):
            return '(', [('', one) for one in elements], ',)' if len(elements) == 1 else ')'
    return None
