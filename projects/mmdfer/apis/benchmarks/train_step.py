"""Time and memory of a training step: full fine-tuning beside what leaves the image model frozen.

The floor of what can be reached with adapters is the frozen model that hands a gradient to its input. On CUDA each
row's FLOPs a second stand beside those of a large matrix product, measured in the same run.
"""
from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from ...backbones import AdapterViT
from ...backbones.freezing import count_parameters
from ...engine.compile_hook import compile_but
from ...heads import LinearVideoHead
from ...names import check_name
from ..counting import flop_counter, saved_storages

FULL, FLOOR = 'full fine-tuning', 'frozen, input gradient'


def _tda(recurrence: str) -> dict:
    return dict(adapters=dict(tda=dict(type='TemporalDynamicAdapter', slot='ffn_out', recurrence=recurrence)))


# Backbone arguments of each row, and whether the frozen model must hand a gradient to its input.
ROWS: dict[str, tuple[dict, bool]] = {
    FULL: (dict(freeze=False), False),
    FLOOR: (dict(), True),
    'FE-Adapter': (dict(adapters=dict(fe=dict(type='FEAdapter', slot='before_attn'))), False),
    'ST-Adapter': (dict(adapters=dict(st=dict(type='STAdapter', slot='before_ffn'))), False),
    'AIM': (dict(adapters=dict(
        temporal=dict(type='BottleneckAdapter', slot='temporal_attn'),
        spatial=dict(type='BottleneckAdapter', slot='attn_out'),
        mlp=dict(type='BottleneckAdapter', slot='parallel_ffn', scale=0.5)
    ), temporal_embedding=16, tune_final_norm=True), False),
    'bottleneck (vanilla)': (
        dict(adapters=dict(ta=dict(type='BottleneckAdapter', slot='ffn_out', reduction=8))), False),
    'TDA, no recurrence': (_tda('none'), False),
    'TDA, RNN': (_tda('rnn'), False),
    'TDA, LSTM': (_tda('lstm'), False),
    'TDA, GRU': (_tda('gru'), False),
    'temporal aggregation': (dict(), False),
}


class Row:
    """One way to train: model, optimizer and a step on one batch of clips (B, 3, T, H, W)."""

    def __init__(self, args: argparse.Namespace, cfg: dict, needs_input_gradient: bool) -> None:
        torch.manual_seed(0)
        backbone = AdapterViT(args.arch, img_size=args.size, **cfg)
        self.model = nn.Sequential(backbone, LinearVideoHead(7, backbone.embed_dims)).to(args.device).train()
        for name, parameter in self.model.named_parameters():
            if 'size_predictor.weight' in name:     # as after some training: sizes differ from voxel to voxel
                nn.init.normal_(parameter, std=0.5 / parameter[0].numel() ** 0.5)
        if args.compile:
            compile_but(backbone)
        tuned = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(tuned, lr=1e-5)
        device = torch.device(args.device).type
        self.dtype = torch.float16 if device == 'cuda' and args.dtype != 'bfloat16' else torch.bfloat16
        self.autocast = dict(device_type=device, dtype=self.dtype, enabled=args.amp)
        self.scaler = torch.amp.GradScaler(device, enabled=args.amp and self.dtype == torch.float16)
        self.needs_input_gradient = needs_input_gradient

    def loss(self, clips: Tensor, labels: Tensor) -> Tensor:
        clips = clips.detach().requires_grad_(self.needs_input_gradient)
        with torch.autocast(**self.autocast):
            return F.cross_entropy(self.model(clips), labels)

    def step(self, clips: Tensor, labels: Tensor) -> None:
        self.optimizer.zero_grad()
        self.scaler.scale(self.loss(clips, labels)).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()


def random_batch(args: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Clips (B, 3, T, H, W), and labels (B,) of seven classes."""
    return (torch.randn(args.batch, 3, args.frames, args.size, args.size, device=args.device),
            torch.arange(args.batch, device=args.device) % 7)


def measure_times(args: argparse.Namespace, rows: dict[str, Row], batch: tuple[Tensor, Tensor]) -> dict[str, list]:
    """Milliseconds of a step in each round, the rows taking turns so that a busy moment hits them all."""
    times = {name: [] for name in rows}
    for _ in range(args.rounds + 1):
        for name, row in rows.items():
            times[name].append(1e3 * _seconds(args.device, partial(row.step, *batch)))
    return {name: values[1:] for name, values in times.items()}         # the first round warms up


def memory(args: argparse.Namespace, row: Row, batch: tuple[Tensor, Tensor]) -> float:
    """MiB that a step needs besides the model's weights: activations, gradients and optimizer state.

    On CUDA the peak that PyTorch allocates. Elsewhere the sum of what autograd keeps for the backward
    pass and of gradients and optimizer state, to which working memory comes.
    """
    state = _bytes(tensor for entry in row.optimizer.state.values() for tensor in entry.values()
                   if isinstance(tensor, Tensor))
    row.optimizer.zero_grad()
    if torch.device(args.device).type == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        row.step(*batch)
        return (torch.cuda.max_memory_allocated() - before + state) / 2 ** 20
    with saved_storages(row.model) as storages:
        loss = row.loss(*batch)
    activations = sum(storage.nbytes() for storage in storages.values())
    storages.clear()
    loss.backward()
    gradients = _bytes(parameter.grad for parameter in row.model.parameters() if parameter.grad is not None)
    return (activations + gradients + state) / 2 ** 20


def step_flops(row: Row, batch: tuple[Tensor, Tensor]) -> int:
    """FLOPs of a row's forward and backward pass."""
    row.optimizer.zero_grad()
    with torch.compiler.set_stance('force_eager'), flop_counter() as counter:      # a compiled graph counts nothing
        row.loss(*batch).backward()
    row.optimizer.zero_grad()
    return counter.get_total_flops()


def product_rate(args: argparse.Namespace, dtype: torch.dtype, size: int = 8192, rounds: int = 10) -> float:
    """FLOPs a second of a square matrix product: what the device reaches at best."""
    left, right = (torch.randn(size, size, device=args.device).to(dtype) for _ in range(2))
    times = [_seconds(args.device, lambda: left @ right) for _ in range(rounds + 3)][3:]
    return 2 * size ** 3 / statistics.median(times)


def _bytes(tensors) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _seconds(device: str, run: Callable[[], None]) -> float:
    is_cuda = torch.device(device).type == 'cuda'
    if is_cuda:
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    run()
    if is_cuda:
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def run(args: argparse.Namespace) -> None:
    """Measure and print.

    Raises:
        ValueError: for a row that does not exist.
    """
    for row in args.rows or ():
        check_name('--rows', row, ROWS)
    if args.threads:
        torch.set_num_threads(args.threads)
    init_default_scope('mmaction')
    rows = {name: Row(args, *row) for name, row in ROWS.items()
            if not args.rows or name in (FULL, FLOOR, *args.rows)}
    batch = random_batch(args)
    times = measure_times(args, rows, batch)
    report = {}
    for name, row in rows.items():
        ratio, to_floor = (statistics.median(ours / other for ours, other in zip(times[name], times[yardstick]))
                           for yardstick in (FULL, FLOOR))
        report[name] = dict(tunable=count_parameters(row.model)[0], ms=round(statistics.median(times[name]), 2),
                            time_ratio=round(ratio, 3), floor_ratio=round(to_floor, 3),
                            mib=round(memory(args, row, batch), 1))
    for entry in report.values():
        entry['memory_ratio'] = round(entry['mib'] / report[FULL]['mib'], 3)
    precision = str(rows[FULL].dtype).rsplit('.', 1)[-1] if args.amp else 'float32'
    is_cuda = torch.device(args.device).type == 'cuda'
    best = product_rate(args, rows[FULL].dtype if args.amp else torch.float32) if is_cuda else None
    if best is not None:
        for name, row in rows.items():
            rate = step_flops(row, batch) / report[name]['ms'] * 1e3
            report[name] |= dict(tflops=round(rate / 1e12, 1), utilisation=round(rate / best, 3))
    print(f'ViT {args.arch}/16, {args.batch} x {args.frames} frames of {args.size}x{args.size}, {precision}, '
          f'{torch.cuda.get_device_name(args.device) if is_cuda else args.device}, {torch.get_num_threads()} threads, '
          f'AdamW, {"compiled, " * args.compile}medians of {args.rounds} interleaved rounds')
    print(f'{"":24}{"tunable":>12}{"step":>14}{"ratio":>8}{"to floor":>10}{"memory":>16}{"ratio":>8}'
          + (f'{"TFLOP/s":>10}{"of best":>9}' if is_cuda else ''))
    for name, entry in report.items():
        print(f'{name:24}{entry["tunable"] / 1e6:>10.2f} M{entry["ms"]:>11.1f} ms{entry["time_ratio"]:>8.2f}'
              f'{entry["floor_ratio"]:>10.2f}{entry["mib"]:>12.1f} MiB{entry["memory_ratio"]:>8.2f}'
              + (f'{entry["tflops"]:>10.1f}{entry["utilisation"]:>9.2f}' if is_cuda else ''))
    if best is not None:
        print(f'best: {best / 1e12:.0f} TFLOP/s, a product of two 8192 x 8192 matrices')
    kind = 'peak that PyTorch allocates' if is_cuda else 'kept for backward'
    print(f'memory without the weights: {kind}, with gradients and optimizer state')
    if args.json:
        print(json.dumps(report))
