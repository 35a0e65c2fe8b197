"""A paper's table or figure by one command, ours beside what the paper prints.

``mmdfer reproduce --list`` tells all of them, what each needs, and what is done.
``mmdfer reproduce fe_adapter table3 --data ferv39k=/data/FERV39k mafw=/data/MAFW --image-checkpoint vitb.pth --gpus 8``
trains the rows of FE-Adapter's Table III on its sets and folds, each run once whatever tables it serves, goes past what
is finished and on with what was stopped, and writes ``table.md``, ``table.tex`` and ``table.json``.
``--dry-run`` tells the runs and what they cost; ``--quote`` prints the paper's table with what contradicts it;
``--demo`` runs the same rows on drawn faces and small towers, in minutes.
"""
from __future__ import annotations

import argparse
import os

from ..launching import Launch, add_launch_options

HELP = "run a paper's table or figure, ours beside the paper's"
PASSES_ON = 'train'
OUT = 'work_dirs/reproduce'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('paper', nargs='?', help='fe_adapter, pe_clip or finecliper')
    parser.add_argument('what', nargs='?', metavar='TABLE', help='table3, ... or figure4, ...')
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--list', action='store_true', help='tables and figures, what they need, what is done')
    form.add_argument('--quote', action='store_true', help="print the paper's table alone")
    form.add_argument('--dry-run', action='store_true', help='print the runs and what they cost')
    parser.add_argument('--latex', action='store_true', help='with --quote: as LaTeX')
    parser.add_argument('--data', nargs='+', default=[], metavar='SET=FOLDER', help='folders of the sets')
    parser.add_argument('--image-checkpoint', '--clip-checkpoint', dest='images', nargs='+', default=[],
                        metavar='[ROW=]FILE', help='image ViT or CLIP model of all rows, or of one; {image_set} in a '
                        "path stands for a row's")
    parser.add_argument('--long-clip-checkpoint', help='Long-CLIP model, for rows that read captions')
    parser.add_argument('--rows', nargs='+', default=[], help='keys of rows, as table.json has them [all own ones]')
    parser.add_argument('--sets', nargs='+', default=[], help="sets [the table's]")
    parser.add_argument('--rivals', action='store_true', help='with the rows of other systems that have a config here')
    parser.add_argument('--folds', help="e.g. 1-3 or 1,4 [the paper's]")
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='one run a row, set and fold for each [0]')
    parser.add_argument('--select', choices=('last', 'best', 'inner'), default='last',
                        help='epoch of the figures: last, best on the test set, or best on a part of the training '
                        'clips [last]')
    parser.add_argument('--demo', action='store_true', help='on drawn faces and small towers; makes them if need be')
    parser.add_argument('--parallel', type=int, default=1, help='runs at a time, each with --gpus GPUs [1]')
    parser.add_argument('--format', nargs='+', choices=('png', 'pdf', 'svg'), default=['png'], help='of figures [png]')
    parser.add_argument('--out', help=f'folder of runs and tables [{OUT}, or {OUT}/demo]')
    add_launch_options(parser)


def run(args: argparse.Namespace) -> None:
    from ..reproduction.listing import list_all
    if args.list:
        print(list_all(args.out or OUT))
        return
    if not args.paper or not args.what:
        raise ValueError('of which paper and table? mmdfer reproduce --list tells them; such as pe_clip table9')
    if args.what.lower().startswith('fig'):
        _figure(args)
    else:
        _table(args)


def _table(args: argparse.Namespace) -> None:
    from ...runs.paper_table import quote
    from ...runs.published import find_table
    from ..reproduction.listing import table_folder
    table = find_table(args.paper, args.what)
    if args.quote:
        print(quote(table).latex() if args.latex else quote(table).markdown(), end='')
        return
    from ..processes import Places
    from ..reproduce import reproduce, wanted_entries
    from ..reproduction.costs import render_costs
    from ..reproduction.plan import make_plan
    wishes = _wishes(args, [row.row for row in table.rows])
    if args.dry_run:
        print(render_costs(make_plan(wanted_entries(table, wishes), wishes, lenient=True)))
        return
    sheet = reproduce(table, wishes, Places(Launch.from_args(args), args.parallel))
    print(f'\n{sheet.markdown()}\ntable.md, table.tex and table.json are in {table_folder(wishes.out, table)}')


def _figure(args: argparse.Namespace) -> None:
    from ..reproduction.figures import find_figure
    figure = find_figure(args.paper, args.what)
    if args.quote:
        raise ValueError(f'--quote: {figure.name} is a picture; only tables are quoted')
    from ..processes import Places
    from ..reproduce_figure import figure_entries, reproduce_figure
    from ..reproduction.costs import render_costs
    from ..reproduction.plan import make_plan
    wishes = _wishes(args, [name for name, _ in figure.rows])
    if args.dry_run:
        print(render_costs(make_plan(figure_entries(figure, wishes), wishes, lenient=True)))
        return
    places = Places(Launch.from_args(args), args.parallel)
    for path in reproduce_figure(figure, wishes, places, args.format):
        print(path)


def _wishes(args: argparse.Namespace, rows: list[str]):
    from ..reproduction.demo import DATA
    from ..reproduction.wishes import DRAWN, Wishes, read_data, read_images
    data = read_data(args.data)
    if args.demo:
        folder = data.get(DRAWN) or (DATA if os.path.isdir(DATA) else None)
        data = {DRAWN: folder} if folder else {}
    image, images = read_images(args.images, rows)
    return Wishes(args.out or (f'{OUT}/demo' if args.demo else OUT), data, image, images, args.long_clip_checkpoint,
                  args.folds, tuple(args.seeds), tuple(args.rows), tuple(args.sets), args.rivals, args.select,
                  (*(('--inner-val', '0.1') if args.select == 'inner' and '--inner-val' not in args.rest else ()),
                   *args.rest), args.demo)
