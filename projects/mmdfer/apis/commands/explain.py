"""What a model looks at: ``mmdfer explain fe_adapter_vitb_dfew work_dirs/X/best.pth --clips 8 --out figures``.

Over clips of the test set: ``rollout`` (gradient attention rollout), ``attention`` (last block), ``frames`` (importance
over time), ``dilation`` (of D2Conv3D), ``captions``. Over all its clips: ``tsne``, ``umap``, ``similarity`` (with the
class texts). Further checkpoints are further rows or panels: files, run folders, or a folder of folds, which makes a
panel a fold; ``--row NAME CONFIG CHECKPOINT`` adds one of another config. ``explain.json`` tells the numbers: weights
of the regions of the face, where the set has face maps, silhouettes, predictions.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from .. import options

HELP = 'what a model looks at: rollout, frames over time, dilations, t-SNE'
KINDS = ('rollout', 'attention', 'frames', 'dilation', 'tsne', 'umap', 'similarity', 'captions')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=f'{options.CONFIG_HELP}; the one that the checkpoints were trained with')
    parser.add_argument('checkpoint', nargs='+', help='checkpoints, run folders, or a folder of folds')
    options.add_run_options(parser)
    parser.add_argument('--row', nargs=3, action='append', default=[], metavar=('NAME', 'CONFIG', 'CHECKPOINT'),
                        help='a further model, of a config of its own')
    parser.add_argument('--names', nargs='+', help='what the rows of CONFIG are called')
    parser.add_argument('--what', nargs='+', choices=KINDS, metavar='KIND',
                        help=f'of {", ".join(KINDS)} [all but umap that the model and the set have]')
    parser.add_argument('--clips', type=int, default=8, help='clips that are drawn, of each class in turn [8]')
    parser.add_argument('--ids', nargs='+', help='names of the clips that are drawn, instead')
    parser.add_argument('--target', default='predicted',
                        help='class that is explained: predicted, true, or its name [predicted]')
    parser.add_argument('--captions', nargs='+', default=[], metavar='FILE',
                        help="files of captions to set side by side [the set's raw and refined ones]")
    parser.add_argument('--out', help='folder of the figures [<work dir>/explain]')
    parser.add_argument('--format', nargs='+', choices=('png', 'pdf', 'svg'), default=['png'],
                        help='formats of the figures [png]')
    parser.add_argument('--seed', type=int, default=0, help='of t-SNE and UMAP [0]')
    parser.add_argument('--title', help='line above the figures')


def run(args: argparse.Namespace) -> None:
    from ...files import read_json
    from ..explain import explain
    from ..explain_rows import Row, rows_of
    cfg = options.run_config(args)
    rows = rows_of(cfg, args.checkpoint, args.names)
    for name, config, checkpoint in args.row:
        own = options.run_config(argparse.Namespace(**{**vars(args), 'config': config}))
        rows += [Row(name, one.cfg, one.checkpoint, one.fold) for one in rows_of(own, [checkpoint], [name])]
    taken = [row.name for row in rows]
    for name in taken:
        if taken.count(name) > 1:
            raise ValueError(f'--row {name}: two rows are called so; give each its name (--names)')
    out = args.out or f'{cfg.work_dir}/explain'
    written = explain(rows, out, args.what, args.ids or args.clips, args.target, args.format, args.captions, args.title,
                      args.seed)
    for path in written:
        if path.name == 'explain.json':
            print('\n'.join(told_of(read_json(path)['rows'])))
    print(f'{", ".join(path.name for path in written)} are in {out}')


def told_of(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The numbers of each model in a line; what it was not asked for, since it cannot be, in another."""
    for name, row in rows.items():
        told = [f'{kind}: brows and mouth weigh {found["factor"]:.2f} times the background ({found["clips"]} clips)'
                for kind, found in row.get('regions', {}).items() if found['factor'] is not None]
        told += [f'silhouette {row["silhouette"]:+.3f}'] if 'silhouette' in row else []
        if told:
            yield f'{name}: {"; ".join(told)}'
        for kind, why in row.get('left_out', {}).items():
            yield f'{name}: no {kind}: {why}'
