"""Weights with names: list, fetch and check them.

``mmdfer weights list``; ``mmdfer weights fetch NAME``; ``mmdfer weights check``. A name stands wherever a checkpoint
does: ``--clip-checkpoint clip_vitb16``. Files are kept in $MMDFER_CACHE, or ~/.cache/mmdfer; names of your own are read
from ``weights.yaml`` there, or from ``--file``. ``mmdfer weights entry FILE --url URL`` writes the entry of a file that
you are going to publish.
"""
from __future__ import annotations

import argparse

HELP = 'weights with names: list, fetch, check'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest='what', required=True, metavar='{list,fetch,check,entry}')
    for what, told in (('list', 'which there are'), ('fetch', 'bring them into the cache, and what they stand on'),
                       ('check', 'whether those in the cache are what they must be')):
        kind = kinds.add_parser(what, help=told)
        if what != 'list':
            kind.add_argument('names', nargs='+' if what == 'fetch' else '*', metavar='NAME')
        kind.add_argument('--file', help='a registry of your own, beside the others')
    entry = kinds.add_parser('entry', help='the entry of a file for a registry')
    entry.add_argument('path', metavar='FILE')
    entry.add_argument('--url', required=True, help='where it is going to lie')
    entry.add_argument('--licence', default='unknown', help='e.g. CC-BY-4.0 [unknown]')
    entry.add_argument('--citation', default='none', help='what to cite [none]')
    entry.add_argument('--name', help="[the file's]")
    entry.add_argument('--base', metavar='NAME', help='of the weights that a tunable file stands on')


def run(args: argparse.Namespace) -> int | None:
    from .. import named_weights
    if args.what == 'list':
        print('\n'.join(named_weights.list_weights(args.file)))
    elif args.what == 'fetch':
        for entry, path in named_weights.fetch_weights(args.names, args.file):
            print(f'{entry.name}: {path}\n  licence: {entry.licence}; please cite: {entry.citation}')
    elif args.what == 'check':
        lines, right = named_weights.check_weights(args.names, args.file)
        print('\n'.join(lines))
        return None if right else 1
    else:
        told = named_weights.entry_of_file(args.path, args.url, args.licence, args.citation, args.name, args.base)
        print(told, end='')
    return None
