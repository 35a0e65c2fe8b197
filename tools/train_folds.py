"""Train every fold of a set, and write the mean over the folds.

``python tools/train_folds.py configs/fe_adapter_vitb_dfew.py --data-root /data/DFEW --image-checkpoint vitb.pth``
runs folds 1 to 5 into ``work_dirs/<config>/fold_<k>``, all with the same seed. Give the same command again after a
stop: finished folds are passed over, the others go on where they were. ``folds.md`` and ``folds.json`` hold mean and
standard deviation, pooled figures and recalls, of the last epoch and of the best epoch on the test set. Published
figures are usually of the best; the last is quoted here unless ``--select`` says otherwise.
"""
import argparse
from pathlib import Path

from mmdfer.apis.cli import run_tool
from mmdfer.runs.fold_results import summarize_folds, tell
from mmdfer.apis.folds import plan_folds, run_folds
from mmdfer.runs.report import leave_report


def parse_args() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False, epilog='All other options go to tools/train.py.')
    parser.add_argument('config', help='config file of a set with folds')
    parser.add_argument('--folds', help='e.g. 1-3 or 1,4 [all]')
    parser.add_argument('--gpus', type=int, default=1, help='processes a fold, each on a GPU of its own if there are any [1]')
    parser.add_argument('--parallel', type=int, default=1, help='folds at a time, each with --gpus GPUs [1]')
    parser.add_argument('--select', choices=('last', 'best', 'inner'),
                        help='epoch of the quoted figure: last, best on the test set, or best on a part of the training '
                        'clips, which is held back (--inner-val SHARE) [last]')
    parser.add_argument('--work-dir', help='folder of the folds [work_dirs/<config>, or <config>_inner]')
    parser.add_argument('--no-train', action='store_true', help='only summarise the folds of --folds, which must be finished')
    return parser.parse_known_args()


def main() -> None:
    args, rest = parse_args()
    plan = plan_folds(args.config, rest, args.folds, args.work_dir, args.select, not args.no_train)
    if args.no_train:
        summary = summarize_folds(plan.out, plan.folds, plan.all_folds, plan.select)
    else:
        summary = run_folds(plan, Path(__file__).with_name('train.py'), args.gpus, args.parallel)
    print(tell(summary, plan.out))
    if '--no-report' not in rest:
        leave_report(plan.out, plan.folds)


if __name__ == '__main__':
    run_tool(main)
