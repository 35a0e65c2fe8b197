"""List what can be run: name, model, data set, tunable parameters, and the paper's UAR and WAR in per cent.

``mmdfer configs`` lists all, ``mmdfer configs pe_clip`` what holds the word. A name goes with ``train``, ``test``,
``count``, ``infer`` and the other commands, in any folder; a row of a table is ``paper/row``, or ``paper/row@set`` on
another set. ``mmdfer configs pe_clip/reduction_16@ferv39k --dump my.py`` writes one as a file, to change and to train.
"""
from __future__ import annotations

import argparse
import json
from dataclasses import asdict

HELP = "list what can be run, with the papers' figures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('name', nargs='?', default='', help='a name, or a part of names and models [all]')
    parser.add_argument('--no-rows', dest='rows', action='store_false', help="leave out the rows of the papers' tables")
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--dump', metavar='FILE', help='write the config of this name into a .py file')
    form.add_argument('--json', action='store_true', help='as JSON')
    form.add_argument('--markdown', action='store_true', help="as README.md's table; with the name neighbours "
                      'that of configs/neighbours')


def run(args: argparse.Namespace) -> None:
    from ..configs import config_table, dump_config, list_configs, models_table, neighbours_table
    if args.dump:
        if not args.name:
            raise ValueError('--dump: of which config? Give its name before it')
        dump_config(args.name, args.dump)
        print(f'{args.name} is in {args.dump}')
    elif args.markdown:
        print(neighbours_table() if args.name == 'neighbours' else models_table(), end='')
    elif args.json:
        print(json.dumps([asdict(one) for one in list_configs(args.name, args.rows)], indent=2))
    else:
        print(config_table(list_configs(args.name, args.rows)))
