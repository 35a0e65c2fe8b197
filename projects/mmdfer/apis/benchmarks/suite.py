"""All that is measured, in one run: each row a ratio to a stated yardstick, both timed in turn, so that a busy moment
hits them alike.

``run_all.py --quick`` takes a few minutes on two cores; ``--compare OLD.json`` tells what became slower since.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ...files import read_json, write_json, write_text
from ...names import check_name
from ...visualization.ratios import plot_ratios

FORMAT = 'mmdfer-benchmarks-1'
JSON, TABLE, PLOT = 'benchmarks.json', 'benchmarks.md', 'benchmarks.png'


@dataclass
class Ratio:
    """One row: what costs how much of its yardstick.

    Args:
        group: the part of the package.
        name: what is measured.
        yardstick: what it is held against.
        ratio: median over the rounds of its time to the yardstick's in the same round.
        low, high: quarters of the rounds' ratios.
        rounds: how many there were.
        milliseconds: its median time.
        bound: what the ratio should not be over, where the project has set one for these sizes.
    """
    group: str
    name: str
    yardstick: str
    ratio: float
    low: float
    high: float
    rounds: int
    milliseconds: float
    bound: float | None = None


Calls = dict[str, Callable[[], object]]


def paired(group: str, calls: Calls, rounds: int, bounds: dict[str, float] | None = None, yardstick: str | None = None,
           clock: Callable[[], float] = time.perf_counter) -> Iterator[Ratio]:
    """Time calls in turn, and hold each against the first of them.

    Args:
        group: of the rows.
        calls: by name; the first, or the one named, is the yardstick of the others.
        rounds: after one that warms up.
        bounds: of the rows, by name.
        yardstick: the name of another yardstick.
        clock: in seconds.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            start = clock()
            call()
            if turn:
                times[name].append(clock() - start)
    yield from ratios(group, times, yardstick or next(iter(calls)), bounds)


def ratios(group: str, times: dict[str, list[float]], yardstick: str, bounds: dict[str, float] | None = None
           ) -> Iterator[Ratio]:
    """Rows of seconds a round; all but the yardstick's own."""
    for name, own in times.items():
        if name == yardstick:
            continue
        each = sorted(a / b for a, b in zip(own, times[yardstick]))
        low, _, high = statistics.quantiles(each, n=4) if len(each) > 1 else 3 * each
        yield Ratio(group, name, yardstick, round(statistics.median(each), 3), round(low, 3), round(high, 3), len(each),
                    round(1e3 * statistics.median(own), 2), (bounds or {}).get(name))


def run(args: argparse.Namespace) -> None:
    """Measure what is asked for, print it, write it, compare it.

    Raises:
        ValueError: for a group that does not exist, or a file to compare with that is none of this suite's.
    """
    from .suite_rows import GROUPS
    for group in args.only or ():
        check_name('--only', group, GROUPS)
    old = read_old(args.compare) if args.compare else None
    began, rows, skipped = time.time(), [], {}
    for group, measure in GROUPS.items():
        if args.only and group not in args.only:
            continue
        start = time.time()
        try:
            rows += list(measure(args.quick))
        except ImportError as error:                        # an extra that is not installed
            skipped[group] = f'not measured: {error.name} is not installed'
        print(f'{group}: {skipped.get(group) or f"{time.time() - start:.0f} s"}', file=sys.stderr, flush=True)
    report = dict(format=FORMAT, quick=args.quick, seconds=round(time.time() - began), machine=machine(),
                  rows=[asdict(row) for row in rows], skipped=skipped)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    write_json(report, out / JSON)
    write_text(markdown(report), out / TABLE)
    plot_ratios(rows, out / PLOT, title='quick sizes' if args.quick else None)
    print(markdown(report))
    print(f'{out / JSON}, {out / TABLE} and {out / PLOT} written')
    if old is not None:
        print(compared(report, old, args.compare))
    if args.json:
        print(json.dumps(report))


def machine() -> dict:
    """What a time depends on besides the program."""
    import cv2
    import torch
    model = platform.processor() or platform.machine()
    if os.path.exists('/proc/cpuinfo'):
        named = [line.partition(':')[2].strip() for line in Path('/proc/cpuinfo').read_text().splitlines()
                 if line.startswith('model name')]
        model = named[0] if named else model
    return dict(cpu=model, cores=os.cpu_count(), threads=torch.get_num_threads(), load=round(os.getloadavg()[0], 2),
                system=platform.platform(), python=platform.python_version(), torch=torch.__version__,
                opencv=cv2.__version__,
                gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None)


def markdown(report: dict) -> str:
    """The table, a row a line."""
    about = report['machine']
    sizes = 'Quick' if report['quick'] else 'Full'
    lines = [f'{sizes} sizes, {report["seconds"]} s on {about["cpu"]}, {about["cores"]} '
             f'cores, {about["threads"]} threads, torch {about["torch"]}; load {about["load"]} at the end. Ratio of '
             'times, median (quartiles) of paired rounds.', '',
             '| part | what | to | ratio | quartiles | bound | ms | rounds |', '|---|---|---|---:|---:|---:|---:|---:|']
    for row in report['rows']:
        bound = '' if row['bound'] is None else f'{row["bound"]:.3g}{"" if row["ratio"] <= row["bound"] else " missed"}'
        cells = (row['group'], row['name'], row['yardstick'], f'{row["ratio"]:.2f}',
                 f'{row["low"]:.2f} to {row["high"]:.2f}', bound, f'{row["milliseconds"]:.1f}', row['rounds'])
        lines.append(f'| {" | ".join(map(str, cells))} |')
    lines += [f'| {group} | {why} | | | | | | |' for group, why in report['skipped'].items()]
    return '\n'.join(lines) + '\n'


def read_old(path: str | os.PathLike) -> dict:
    """An earlier report.

    Raises:
        ValueError: for a file that is none.
    """
    try:
        old = read_json(path)
    except (OSError, ValueError) as error:
        raise ValueError(f'--compare {path}: cannot be read ({error}); give a {JSON} of this suite') from None
    if old.get('format') != FORMAT:
        raise ValueError(f'--compare {path}: is no report of this suite; give a {JSON}')
    return old


def compared(report: dict, old: dict, path: str | os.PathLike) -> str:
    """In words, which rows became slower or faster by more than the spread of their rounds."""
    if report['quick'] != old['quick']:
        return (f'{path}: was measured at {"quick" if old["quick"] else "full"} sizes, this at '
                f'{"quick" if report["quick"] else "full"} ones: not compared; measure alike')
    before = {(row['group'], row['name'], row['yardstick']): row for row in old['rows']}
    told: dict[str, list[str]] = dict(slower=[], faster=[])
    for row in report['rows']:
        then = before.get((row['group'], row['name'], row['yardstick']))
        if then is None:
            continue
        line = (f'{row["group"]}, {row["name"]} to {row["yardstick"]}: {then["ratio"]:.2f} ({then["low"]:.2f} to '
                f'{then["high"]:.2f}) -> {row["ratio"]:.2f} ({row["low"]:.2f} to {row["high"]:.2f})')
        if row['low'] > then['high']:
            told['slower'].append(line)
        elif row['high'] < then['low']:
            told['faster'].append(line)
    lines = [f'{what}: {line}' for what, some in told.items() for line in some]
    if not told['slower']:
        lines.append('nothing became slower by more than the spread of its rounds')
    if (here := report['machine']['cpu']) != (there := old['machine']['cpu']):
        lines.insert(0, f'measured on {here}, before on {there}: ratios of parts may differ by that alone')
    return '\n'.join(lines)
