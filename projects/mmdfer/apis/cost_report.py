"""What fits on a card: the costs of a config's step as a report, a table, a file and a picture."""
from __future__ import annotations

import dataclasses
import re
from typing import Any

from .cost import Measured, StepCost, StepModel, largest_batch

UNITS = {'': 1, 'B': 1, 'KB': 2**10, 'MB': 2**20, 'GB': 2**30, 'TB': 2**40}
GIB = 2**30
#: What a card's memory is left for by default: CUDA's context, libraries' working space, parts that fit no request.
RESERVE = '1.5GB'


def parse_memory(text: str, option: str) -> int:
    """Bytes of ``24GB``, ``24GiB``, ``24G`` or ``800 MB``; 1 GB is 2^30 bytes, as cards are sold.

    Raises:
        ValueError: for another form.
    """
    found = re.fullmatch(r'\s*(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*', text, re.I)
    if not found or not float(found[1]):
        raise ValueError(f'{option} {text}: expected an amount of memory, such as 24GB')
    return int(float(found[1]) * UNITS[f'{found[2].upper()}B'])


def report(model: StepModel, gpu: int | None = None, batch: int | None = None, gpus: int = 1,
           reserve: int = 0, tflops: float | None = None, measure: tuple[int, ...] = (), sweep: bool = False,
           **clips: Any) -> dict:
    """Costs of a config's step, and what fits on a card.

    Args:
        model: of the config.
        gpu: bytes of a card.
        batch: clips of a step on each card. Defaults to those that fit on ``gpu``, or the config's.
        gpus: cards, each with a copy of the model; DDP holds the gradients of another in buckets.
        reserve: bytes of a card that are left free.
        tflops: 10^12 FLOPs a second that the card keeps up, from a measurement, for an estimate of the speed.
        measure: numbers of clips whose step is run here, too.
        sweep: work out other numbers of frames and sizes as well.
        clips: ``frames``, ``size`` and ``precision`` of :meth:`StepModel.cost`.

    Returns:
        What can be written as JSON: ``costs`` and ``measured`` as dicts of their fields, and the words around them.

    Raises:
        ValueError: for a number below 1, or clips that the model does not take.
    """
    for name, value in dict(batch=batch, gpus=gpus, tflops=tflops, **clips).items():
        if value is not None and not isinstance(value, str) and value <= 0:
            raise ValueError(f'--{name} {value}: expected a number above 0')
    clips = {name: value for name, value in clips.items() if value is not None}
    largest, costs = None, []
    buckets = 4 * model.tunable if gpus > 1 else 0
    if gpu is not None:
        largest, costs = largest_batch(model, gpu - reserve, buckets, **clips)
    chosen = batch or largest or (1 if gpu is not None else model.cfg.train_dataloader.batch_size)
    if chosen not in (cost.batch for cost in costs):
        costs.append(model.cost(chosen, **clips))
    costs.sort(key=lambda cost: cost.batch)
    cost = next(cost for cost in costs if cost.batch == chosen)
    found: dict[str, Any] = dict(
        config=str(model.cfg.filename), tunable=model.tunable, total=model.total, optimizer=model.optimizer,
        gpu=gpu, gpus=gpus, reserve=reserve, buckets=buckets, largest=largest, chosen=chosen,
        costs=[as_dict(cost) for cost in costs])
    if gpu is not None:
        found['fits'] = cost.peak + buckets <= gpu - reserve
    if tflops is not None:
        found |= dict(tflops=tflops, clips_a_second=gpus * chosen * tflops * 1e12 / cost.flops)
    found['measured'] = [dict(dataclasses.asdict(real), worked_out=model.cost(number, **clips).peak)
                         for number, real in ((number, model.measure(number, **clips)) for number in measure)]
    if sweep:
        found['sweep'] = {name: [as_dict(one) for one in _sweep(model, name, cost)]
                          for name in ('frames', 'size')}
    return found


def as_dict(cost: StepCost) -> dict:
    """A cost as JSON has it, with its peak."""
    return dict(dataclasses.asdict(cost), peak=cost.peak)


def _sweep(model: StepModel, name: str, cost: StepCost) -> list[StepCost]:
    """The step at half, once and one and a half times the frames, or the size, as far as the model takes them."""
    own, costs = getattr(cost, name), []
    step = 32 if name == 'size' else 1
    for value in sorted({max(step, round(own * share / step) * step) for share in (0.5, 1, 1.5)}):
        frames, size = (value, cost.size) if name == 'frames' else (cost.frames, value)
        try:
            costs.append(model.cost(cost.batch, frames, size, cost.precision))
        except (ValueError, AssertionError):                    # a model of one number of frames, or of one size
            continue
    return costs


def table(found: dict) -> str:
    """A report of :func:`report` for a terminal."""
    names = {field.name for field in dataclasses.fields(StepCost)}
    costs = [StepCost(**{name: one[name] for name in names}) for one in found['costs']]
    cost = next(cost for cost in costs if cost.batch == found['chosen'])
    lines = [f'{found["config"]}: {found["tunable"] / 1e6:.2f} M tunable of {found["total"] / 1e6:.2f} M parameters, '
             f'{found["optimizer"]}; clips of {cost.frames} frames of {cost.size}x{cost.size}, {cost.precision}',
             f'weights {_gib(cost.weights)}, gradients {_gib(cost.gradients)}, optimizer state {_gib(cost.optimizer)}'
             + (f', buckets of gradients {_gib(found["buckets"])}' if found['buckets'] else ''), '',
             f'{"clips a step":>12}{"forward":>14}{"backward":>14}{"kept":>12}{"peak":>12}']
    for one in costs:
        lines.append(f'{one.batch:>12}{_tera(one.flops_forward):>14}{_tera(one.flops_backward):>14}'
                     f'{_gib(one.kept):>12}{_gib(one.peak + found["buckets"]):>12}')
    lines += ['', *_fits(found, cost)]
    if 'clips_a_second' in found:
        lines.append(f'estimated, not measured: {found["clips_a_second"]:.3g} clips a second on {found["gpus"]} '
                     f'card{"s" * (found["gpus"] > 1)} that keep up {found["tflops"]:g} TFLOP/s each')
    for real in found['measured']:
        share = real['worked_out'] / real['peak']
        clips = f'{real["batch"]} clip{"s" * (real["batch"] > 1)}'
        lines.append(f'measured here ({real["device"]}): {clips}, {real["seconds"]:.2f} s a step, '
                     f'{real["batch"] / real["seconds"]:.3g} clips a second; peak {_gib(real["peak"])}, worked out '
                     f'{_gib(real["worked_out"])} ({100 * share:.1f} %)')
    lines.append('memory is worked out from the shapes of a step, operator by operator; a multiply-add is two FLOPs')
    return '\n'.join(lines)


def _fits(found: dict, cost: StepCost) -> list[str]:
    if found['gpu'] is None:
        return []
    card, free = _gib(found['gpu']), _gib(found['reserve'])
    each = ' on each card' if found['gpus'] > 1 else ''
    all_of_them = f', {found["gpus"] * found["largest"]} on {found["gpus"]} cards' if each else ''
    fitting = (f'{found["largest"]} clip{"s" * (found["largest"] > 1)} a step{each}{all_of_them}' if found['largest']
               else 'not one clip: take fewer frames, --precision amp, or model.backbone.with_cp=True, which works '
                    'blocks out again')
    lines = [f'what fits on {card}, of which {free} are left free (an assumption, --reserve): {fitting}']
    if cost.batch != found['largest'] and found['largest']:
        lines.append(f'{cost.batch} clips a step {"fit" if found["fits"] else "do not fit"}{each}')
    return lines


def _gib(size: float) -> str:
    return f'{size / GIB:.2f} GiB' if size >= GIB / 10 else f'{size / 2**20:.1f} MiB'


def _tera(flops: int) -> str:
    return f'{flops / 1e12:.3f} TFLOP'


__all__ = ['RESERVE', 'Measured', 'parse_memory', 'report', 'table']
