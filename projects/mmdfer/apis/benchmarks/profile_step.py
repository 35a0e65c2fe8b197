"""Where the time of a training step goes: a table of operators, and a trace for a browser's tracing page."""
from __future__ import annotations

import argparse
from pathlib import Path

import torch
from mmengine.registry import init_default_scope
from torch.profiler import ProfilerActivity, profile

from ...files import make_folder
from ...names import check_name
from .train_step import ROWS, Row, random_batch

TRACE = 'trace.json'


def run(args: argparse.Namespace) -> None:
    """Profile steps of one row of the training benchmark, print the operators that take longest, write the trace.

    Raises:
        ValueError: for a row that does not exist, or fewer than one step.
    """
    check_name('--row', args.row, ROWS)
    if args.steps < 1:
        raise ValueError(f'--steps {args.steps}: expected at least 1')
    if args.threads:
        torch.set_num_threads(args.threads)
    init_default_scope('mmaction')
    row = Row(args, *ROWS[args.row])
    batch = random_batch(args)
    row.step(*batch)                                            # warms up, and makes the optimizer's state
    is_cuda = torch.device(args.device).type == 'cuda'
    with profile(activities=[ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * is_cuda], record_shapes=args.shapes,
                 profile_memory=True) as profiler:
        for _ in range(args.steps):
            row.step(*batch)
        if is_cuda:
            torch.cuda.synchronize(args.device)
    order = 'self_device_time_total' if is_cuda else 'self_cpu_time_total'
    print(f'{args.row}: ViT {args.arch}/16, {args.batch} x {args.frames} frames of {args.size}x{args.size}, '
          f'{args.steps} steps on {args.device}, {torch.get_num_threads()} threads')
    print(profiler.key_averages(group_by_input_shape=args.shapes).table(sort_by=order, row_limit=args.most,
                                                                        max_name_column_width=48))
    trace = Path(args.out, TRACE)
    make_folder(trace.parent)
    profiler.export_chrome_trace(str(trace))
    print(f'{trace} written: open it in chrome://tracing or ui.perfetto.dev')
