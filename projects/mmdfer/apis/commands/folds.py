"""Train every fold of a set, and write the mean over the folds.

``mmdfer folds fe_adapter_vitb_dfew --data-root /data/DFEW --image-checkpoint vitb.pth``
runs folds 1 to 5 into ``work_dirs/<config>/fold_<k>``, all with the same seed. Give the same command again after a
stop: finished folds are passed over, the others go on where they were. ``folds.md`` and ``folds.json`` hold mean and
standard deviation, pooled figures and recalls, of the last epoch and of the best epoch on the test set. Published
figures are usually of the best; the last is quoted here unless ``--select`` says otherwise.

With ``--test`` nothing is trained: ``--test work_dirs/x/fold_{fold}/best.pth`` tests a file of each fold,
``--test FILE`` one on all of them, ``--test`` alone a model that needs none, as CLIP without training; the rest are
options of ``mmdfer test``, and the folds go to ``work_dirs/<config>_tested``.
"""
from __future__ import annotations

import argparse

from .. import options
from ..launching import Launch, add_launch_options

HELP = 'train every fold of a set, and write the mean over the folds'
PASSES_ON = 'train'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=f'{options.CONFIG_HELP}; of a set with folds')
    parser.add_argument('--folds', help='e.g. 1-3 or 1,4 [all]')
    parser.add_argument('--parallel', type=int, default=1, help='folds at a time, each with --gpus GPUs [1]')
    parser.add_argument(
        '--select', choices=('last', 'best', 'inner'),
        help='epoch of the quoted figure: last, best on the test set, or best on a part of the training '
        'clips, which is held back (--inner-val SHARE) [last]')
    parser.add_argument('--work-dir', help='folder of the folds [work_dirs/<config>, or <config>_inner]')
    parser.add_argument('--test', nargs='?', const='', metavar='CHECKPOINT',
                        help="train nothing: test this file, {fold} in it for the fold's number, or the model as it is")
    parser.add_argument('--no-train', action='store_true',
                        help='only summarise the folds of --folds, which must be finished')
    add_launch_options(parser)


def run(args: argparse.Namespace) -> None:
    from ...runs.fold_results import summarize_folds, tell
    from ...runs.report import leave_report
    from ..folds import plan_folds, plan_tests, run_folds
    from ..processes import Places
    launch = Launch.from_args(args)
    if args.test is not None:
        if args.select or args.no_train:
            option = '--select' if args.select else '--no-train'
            raise ValueError(f'{option}: is of trainings, and --test trains nothing')
        plan = plan_tests(args.config, args.test, args.rest, args.folds, args.work_dir)
        print(tell(run_folds(plan, Places(launch, args.parallel)), plan.out))
        leave_report(plan.out, plan.folds)
        return
    plan = plan_folds(args.config, args.rest, args.folds, args.work_dir, args.select, not args.no_train, launch)
    if args.no_train:
        summary = summarize_folds(plan.out, plan.folds, plan.all_folds, plan.select)
    else:
        summary = run_folds(plan, Places(launch, args.parallel))
    print(tell(summary, plan.out))
    if '--no-report' not in args.rest:
        leave_report(plan.out, plan.folds)
