"""Names in Markdown that are shown as they are, whatever characters they hold."""
from __future__ import annotations

import re

# What starts markup wherever it stands; an underscore does not within a word, an ampersand only before a name.
_MARKUP = re.compile(r'[\\`*\[\]<>|$~#]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)')
_FIRST = re.compile(r'^([-+]|\d+(?=[.)]\s))')


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is written here, in a line, a table's cell or a heading."""
    text = _MARKUP.sub(r'\\\g<0>', ' '.join(str(text).split()))
    return _FIRST.sub(lambda found: f'\\{found[0]}' if found[0] in '-+' else f'{found[0]}\\', text)


def code_span(text: str) -> str:
    """Text as code, between more backticks than it holds."""
    text = ' '.join(str(text).split())
    longest = max((len(run) for run in re.findall('`+', text)), default=0)
    fence, space = '`' * (longest + 1), ' ' if longest else ''
    return f'{fence}{space}{text}{space}{fence}'
