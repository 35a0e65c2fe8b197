"""Time, memory and parity of D2Conv3D beside a plain conv3d and a loop of grid_sample."""
from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from ...ops import D2Conv3d, d2conv3d

PLAIN, MODULE, OP, LOOP = 'conv3d', 'D2Conv3d (module)', 'd2conv3d (op)', 'grid_sample loop'


def loop_of_grid_samples(x: Tensor, size: Tensor, conv: nn.Conv3d) -> Tensor:
    """3x3x3, stride 1, padding 1: one `grid_sample` and one small product for each tap."""
    groups, shape = conv.groups, x.shape[2:]
    weight = conv.weight.unflatten(0, (groups, -1))  # (G, O/G, C/G, 3, 3, 3)
    centres = torch.meshgrid(*(torch.arange(n, device=x.device) for n in shape), indexing='ij')
    out = conv.bias.view(1, -1, 1, 1, 1)
    for tap in torch.cartesian_prod(*[torch.arange(3)] * 3).tolist():
        position = [centres[a] + (tap[a] - 1) * size[:, a] for a in range(3)]
        grid = torch.stack([2 * position[a] / max(shape[a] - 1, 1) - 1 for a in (2, 1, 0)], dim=-1)
        read = F.grid_sample(x, grid, padding_mode='zeros', align_corners=True)
        product = torch.einsum('bgcthw,goc->bgothw', read.unflatten(1, (groups, -1)),
                               weight[..., tap[0], tap[1], tap[2]])
        out = out + product.flatten(1, 2)
    return out


def build(args: argparse.Namespace) -> tuple[dict, list[Tensor], Tensor, D2Conv3d]:
    """The rows of the table as functions of nothing, their leaves, the input and the layer."""
    torch.manual_seed(0)
    layer = D2Conv3d(args.channels, args.channels, 3, padding=1, groups=args.groups)
    # As after some training: sizes differ from voxel to voxel, around 1.
    nn.init.normal_(layer.size_predictor.weight, std=0.5 / (27 * args.channels) ** 0.5)
    layer.to(args.device)
    plain = nn.Conv3d(args.channels, args.channels, 3, padding=1, groups=args.groups)
    plain.load_state_dict(layer.state_dict(), strict=False)
    plain.to(args.device)
    x = torch.randn(args.batch, args.channels, *args.size, device=args.device, requires_grad=True)
    sizes = layer.predict(x)[0].detach().requires_grad_()
    rows = {
        PLAIN: lambda: plain(x),
        MODULE: lambda: layer(x),
        OP: lambda: d2conv3d(x, sizes, layer.weight, layer.bias, padding=1, groups=args.groups),
        LOOP: lambda: loop_of_grid_samples(x, sizes, layer),
    }
    return rows, [x, sizes, *layer.parameters(), *plain.parameters()], x, layer


def forward(row, leaves: list[Tensor]) -> None:
    with torch.no_grad():
        row()


def forward_backward(row, leaves: list[Tensor]) -> None:
    for leaf in leaves:
        leaf.grad = None
    out = row()
    out.backward(torch.ones_like(out))


def measure_times(args: argparse.Namespace, rows: dict, leaves: list[Tensor], run) -> dict:
    """Milliseconds of each round, the rows taking turns so that a busy moment hits them all."""
    times = {name: [] for name in rows}
    for turn in range(args.repeats + 2):
        for name, row in rows.items():
            _synchronize(args.device)
            start = time.perf_counter()
            run(row, leaves)
            _synchronize(args.device)
            if turn >= 2:  # two rounds to warm up
                times[name].append(1e3 * (time.perf_counter() - start))
    return times


def peak_memory(args: argparse.Namespace, row, leaves: list[Tensor]) -> float:
    """MiB that PyTorch allocates at most during one forward and backward, gradients included."""
    for leaf in leaves:
        leaf.grad = None
    if torch.device(args.device).type == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        forward_backward(row, leaves)
        return (torch.cuda.max_memory_allocated() - before) / 2 ** 20
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        forward_backward(row, leaves)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'trace.json')
        profiler.export_chrome_trace(path)
        with open(path, encoding='utf-8') as file:
            events = json.load(file)['traceEvents']
    events = [event for event in events if event.get('name') == '[memory]']
    events.sort(key=lambda event: event['ts'])
    totals = [event['args']['Total Allocated'] for event in events]
    return (max(totals) - (totals[0] - events[0]['args']['Bytes'])) / 2 ** 20


@torch.no_grad()
def parity(rows: dict, x: Tensor, layer: D2Conv3d) -> tuple[float, float]:
    """Largest relative errors: size 1 against conv3d, and the layer's sizes against the loop."""
    ones = torch.ones_like(layer.predict(x)[0])
    ours = d2conv3d(x, ones, layer.weight, layer.bias, padding=1, groups=layer.groups)
    return _relative_error(ours, rows[PLAIN]()), _relative_error(rows[OP](), rows[LOOP]())


def ratio(times: dict, name: str) -> float:
    """Median over the rounds of a row's time to conv3d's in the same round."""
    return statistics.median(a / b for a, b in zip(times[name], times[PLAIN]))


def _relative_error(ours: Tensor, expected: Tensor) -> float:
    return ((ours - expected).abs().max() / expected.abs().max()).item()


def _synchronize(device: str) -> None:
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    if args.threads:
        torch.set_num_threads(args.threads)
    rows, leaves, x, layer = build(args)
    error, loop_error = parity(rows, x, layer)
    times = {run: measure_times(args, rows, leaves, run) for run in (forward, forward_backward)}
    peaks = {name: peak_memory(args, row, leaves) for name, row in rows.items()}

    print(f'{args.batch} x {args.channels} x {" x ".join(map(str, args.size))}, kernel 3x3x3, '
          f'groups {args.groups}, float32, {args.device}, {torch.get_num_threads()} threads, '
          f'medians of {args.repeats} interleaved rounds')
    print(f'{"":20}{"forward":>10}{"ratio":>8}{"fwd+bwd":>12}{"ratio":>8}{"peak memory":>14}')
    for name in rows:
        ahead, both = (statistics.median(times[run][name]) for run in (forward, forward_backward))
        print(f'{name:20}{ahead:>7.1f} ms{ratio(times[forward], name):>8.2f}{both:>9.1f} ms'
              f'{ratio(times[forward_backward], name):>8.2f}{peaks[name]:>10.1f} MiB')
    per_clip = statistics.median(times[forward_backward][MODULE]) / args.batch
    print(f'fwd+bwd of the module: {per_clip:.2f} ms a clip. It predicts its sizes; the op and the '
          'loop are given theirs.')
    print(f'max relative error: {error:.1e} to conv3d at size 1, {loop_error:.1e} to the loop')
    if args.json:
        print('The ratios below are those of the whole module, size predictor included.')
        print(json.dumps(dict(fwd=round(ratio(times[forward], MODULE), 3),
                              fwd_bwd=round(ratio(times[forward_backward], MODULE), 3),
                              max_rel_error=error)))
