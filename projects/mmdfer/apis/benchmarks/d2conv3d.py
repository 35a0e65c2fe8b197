"""Time, memory and parity of D2Conv3D beside a plain conv3d and a loop of grid_sample.

On CUDA the op's two ways stand side by side, Triton's kernels and PyTorch's operators, and each row that can be is
recorded as a CUDA graph first: then its time is the device's, without what Python takes to start kernels.
"""
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
from ...ops.choosing import VARIABLE

PLAIN, MODULE, OP, LOOP = 'conv3d', 'D2Conv3d (module)', 'd2conv3d (op)', 'grid_sample loop'
TORCH = 'op in PyTorch'


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
    place = dict(device=args.device, dtype=getattr(torch, args.dtype))
    layout = torch.channels_last_3d if args.channels_last else torch.contiguous_format
    layer.to(**place).to(memory_format=layout)
    plain = nn.Conv3d(args.channels, args.channels, 3, padding=1, groups=args.groups)
    plain.load_state_dict(layer.state_dict(), strict=False)
    plain.to(**place).to(memory_format=layout)
    x = torch.randn(args.batch, args.channels, *args.size, **place).contiguous(memory_format=layout).requires_grad_()
    sizes = layer.predict(x)[0].detach().requires_grad_()
    rows = {
        PLAIN: lambda: plain(x),
        MODULE: lambda: layer(x),
        OP: lambda: d2conv3d(x, sizes, layer.weight, layer.bias, padding=1, groups=args.groups),
        LOOP: lambda: loop_of_grid_samples(x, sizes, layer),
    }
    if x.is_cuda:
        rows[TORCH] = lambda: _by_pytorch(rows[OP])
    if x.dtype != torch.float32:
        del rows[LOOP]                                          # grid_sample takes positions in the type of its input
    return rows, [x, sizes, *layer.parameters(), *plain.parameters()], x, layer


def forward(row, leaves: list[Tensor]) -> None:
    with torch.no_grad():
        row()


def forward_backward(row, leaves: list[Tensor]) -> None:
    for leaf in leaves:
        leaf.grad = None
    out = row()
    out.backward(torch.ones_like(out))


def _by_pytorch(row):
    """A row with the op forced onto PyTorch's operators."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = 'torch'
    try:
        return row()
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def recorded(row, leaves: list[Tensor], run):
    """What runs a row once: on CUDA the replay of its graph, if it has no step that waits for the device."""
    if not leaves[0].is_cuda:
        return lambda: run(row, leaves)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run(row, leaves)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            run(row, leaves)
    except RuntimeError:
        torch.cuda.synchronize()
        return lambda: run(row, leaves)
    return graph.replay


def measure_times(args: argparse.Namespace, rows: dict, leaves: list[Tensor], run) -> dict:
    """Milliseconds of each round, the rows taking turns so that a busy moment hits them all."""
    times = {name: [] for name in rows}
    calls = {name: recorded(row, leaves, run) for name, row in rows.items()}
    for turn in range(args.repeats + 2):
        for name, call in calls.items():
            _synchronize(args.device)
            start = time.perf_counter()
            call()
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
def parity(rows: dict, leaves: list[Tensor], layer: D2Conv3d) -> tuple[float, float]:
    """Largest relative errors: size 1 against conv3d, and the layer's sizes against the op in float64."""
    x, sizes = leaves[:2]
    ones = torch.ones_like(sizes)
    ours = d2conv3d(x, ones, layer.weight, layer.bias, padding=1, groups=layer.groups)
    expected = d2conv3d(x.double(), sizes.double(), layer.weight.double(), layer.bias.double(), padding=1,
                        groups=layer.groups)
    return _relative_error(ours, rows[PLAIN]()), _relative_error(rows[OP](), expected)


def ratio(times: dict, name: str) -> float:
    """Median over the rounds of a row's time to conv3d's in the same round."""
    return statistics.median(a / b for a, b in zip(times[name], times[PLAIN]))


def _relative_error(ours: Tensor, expected: Tensor) -> float:
    return ((ours.double() - expected.double()).abs().max() / expected.double().abs().max()).item()


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if torch.device(device).type == 'cuda' else device


def _synchronize(device: str) -> None:
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    if args.threads:
        torch.set_num_threads(args.threads)
    rows, leaves, x, layer = build(args)
    torch.backends.cudnn.benchmark = True                       # its best convolution
    error, exact_error = parity(rows, leaves, layer)
    times = {run: measure_times(args, rows, leaves, run) for run in (forward, forward_backward)}
    peaks = {name: peak_memory(args, row, leaves) for name, row in rows.items()}

    print(f'{args.batch} x {args.channels} x {" x ".join(map(str, args.size))}, kernel 3x3x3, '
          f'groups {args.groups}, {args.dtype}, {_device_name(args.device)}, {torch.get_num_threads()} threads, '
          f'medians of {args.repeats} interleaved rounds')
    print(f'{"":20}{"forward":>10}{"ratio":>8}{"fwd+bwd":>12}{"ratio":>8}{"peak memory":>14}')
    for name in rows:
        ahead, both = (statistics.median(times[run][name]) for run in (forward, forward_backward))
        print(f'{name:20}{ahead:>7.1f} ms{ratio(times[forward], name):>8.2f}{both:>9.1f} ms'
              f'{ratio(times[forward_backward], name):>8.2f}{peaks[name]:>10.1f} MiB')
    per_clip = statistics.median(times[forward_backward][MODULE]) / args.batch
    print(f'fwd+bwd of the module: {per_clip:.2f} ms a clip. It predicts its sizes; the op and the '
          'loop are given theirs.')
    print(f'max relative error: {error:.1e} to conv3d at size 1, {exact_error:.1e} to the op in float64')
    if args.json:
        print('fwd and fwd_bwd are ratios of the whole module, size predictor included.')
        print(json.dumps(dict(fwd=round(ratio(times[forward], MODULE), 3),
                              fwd_bwd=round(ratio(times[forward_backward], MODULE), 3),
                              max_rel_error=error, max_rel_error_float64=exact_error,
                              op_fwd=round(ratio(times[forward], OP), 3),
                              op_fwd_bwd=round(ratio(times[forward_backward], OP), 3))))
