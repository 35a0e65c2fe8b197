"""How the command lines end: a user's mistake is one line, anything else a traceback."""
from __future__ import annotations

import os
import sys
from collections.abc import Callable


def run_tool(main: Callable[[], None]) -> None:
    """Run a tool's ``main``; print a user's mistake as ``error: ...`` and exit with status 2.

    With ``MMDFER_TRACEBACK=1`` in the environment the traceback comes instead.
    """
    try:
        main()
    except (ValueError, FileNotFoundError, KeyError, TypeError, ImportError) as error:
        if os.environ.get('MMDFER_TRACEBACK') == '1' or not is_users(error):
            raise
        print(f'error: {one_line(error)}', file=sys.stderr)
        sys.exit(2)


def is_users(error: Exception) -> bool:
    """Whether an error tells of the user's input: a config, a file, an option."""
    text = str(error)
    if isinstance(error, KeyError):
        return 'registry' in text
    if isinstance(error, TypeError):
        return 'unexpected keyword argument' in text or 'required positional argument' in text
    if isinstance(error, ImportError):
        return 'install' in text
    return True


def one_line(error: Exception) -> str:
    """The error's own words, out of the traceback that a loader's worker wraps around them."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if 'Original Traceback' in text:
        last = [line for line in text.splitlines() if line.strip()][-1]
        text = last.split(': ', 1)[-1]
    return ' '.join(text.split())
