"""The command line: ``mmdfer COMMAND ...``, and how a tool ends.

A command is a module of :mod:`mmdfer.apis.commands` with ``HELP``, ``add_arguments(parser)`` and ``run(args)``; its
docstring is the description. ``tools/*.py`` start the same modules. Nothing heavy is imported before ``run``.
"""
from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType

from ..machine import in_words
from ..names import nearest
from ..version import __version__

GROUPS = {
    'runs': ('train', 'folds', 'ablation', 'reproduce', 'test', 'infer', 'app'),
    'data sets': ('check', 'pack', 'faces', 'captions', 'refine', 'demo-clips'),
    'models and weights': ('configs', 'count', 'cost', 'convert', 'weights', 'export', 'benchmark'),
    'results': ('report', 'summarize', 'compare', 'similarity', 'explain', 'guide-pictures'),
}
"""The commands, by what they are for."""


def main(words: Sequence[str] | None = None) -> None:
    """``mmdfer COMMAND ...``: run the command that the first word names.

    Args:
        words: the command line behind ``mmdfer``. Defaults to the process's own.
    """
    words = list(sys.argv[1:] if words is None else words)
    if not words or words[0] in ('-h', '--help', 'help'):
        print(overview())
        sys.exit(0 if words else 2)
    if words[0] == '--version':
        print(f'mmdfer {__version__}')
        return
    names = [name for group in GROUPS.values() for name in group]
    if words[0] not in names:
        sys.exit(f'error: mmdfer {words[0]}: there is no such command; {nearest(words[0], names)}')
    run_command(words[0], words[1:], f'mmdfer {words[0]}')


def run_command(name: str, words: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run a command, and end the process with its status where it has one.

    Args:
        name: as in :data:`GROUPS`.
        words: its arguments. Defaults to those of the process.
        prog: what the help calls it. Defaults to the script's name.
    """
    words = list(sys.argv[1:] if words is None else words)
    # Threads that wait by spinning take the cores from those that work: read when PyTorch starts its own.
    os.environ.setdefault('OMP_WAIT_POLICY', 'passive')
    command = command_module(name)
    run_tool(lambda: command.run(parse(command, words, prog)))


def command_module(name: str) -> ModuleType:
    """The module of a command."""
    return import_module(f'{__package__}.commands.{name.replace("-", "_")}')


def parse(command: ModuleType, words: Sequence[str], prog: str | None = None) -> argparse.Namespace:
    """A command's arguments, with all its ``words``.

    A command with ``PASSES_ON``, the name of another, gets what it does not know itself as ``rest``.
    """
    target = getattr(command, 'PASSES_ON', None)
    parser = argparse.ArgumentParser(
        prog=prog, description=command.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=target is None, epilog=target and f'All other options go to mmdfer {target}.')
    command.add_arguments(parser)
    if target is None:
        args = parser.parse_args(words)
    else:
        args, args.rest = parser.parse_known_args(words)
    args.words = list(words)
    return args


def overview() -> str:
    """The commands by group, a line each."""
    wide = max(len(name) for names in GROUPS.values() for name in names) + 2
    lines = ['usage: mmdfer COMMAND ...', '', 'Dynamic facial expression recognition with adapters.', '']
    for group, names in GROUPS.items():
        lines += [f'{group}:', *(f'  {name:{wide}}{command_module(name).HELP}' for name in names), '']
    return '\n'.join([*lines, 'mmdfer COMMAND --help tells the options of one.'])


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a tool's ``main``; print a user's mistake as ``error: ...`` and exit with status 2.

    With ``MMDFER_TRACEBACK=1`` in the environment the traceback comes instead. A number that ``main`` returns is the
    exit status.
    """
    for stream in (sys.stdout, sys.stderr):                     # a letter that a terminal lacks is no mistake
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')
    try:
        status = main()
    except (ValueError, OSError, KeyError, TypeError, ImportError, RuntimeError) as error:
        if os.environ.get('MMDFER_TRACEBACK') == '1' or not is_users(error):
            raise
        print(f'error: {one_line(error)}', file=sys.stderr)
        sys.exit(2)
    if status is not None:
        sys.exit(status)


def is_users(error: Exception) -> bool:
    """Whether an error tells of the user's input: a config, a file, an option."""
    text = str(error)
    if isinstance(error, KeyError):
        return 'registry' in text
    if isinstance(error, TypeError):
        return 'unexpected keyword argument' in text or 'required positional argument' in text
    if isinstance(error, ImportError):
        return 'install' in text
    return not isinstance(error, RuntimeError) or in_words(error) is not None


def one_line(error: Exception) -> str:
    """The error's own words and notes, out of the traceback that a loader's worker wraps around them."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else in_words(error) or str(error)
    if 'Original Traceback' in text:
        last = [line for line in text.splitlines() if line.strip()][-1]
        text = last.split(': ', 1)[-1]
    text += ''.join(f' ({note})' for note in getattr(error, '__notes__', ()))
    return ' '.join(text.split())
