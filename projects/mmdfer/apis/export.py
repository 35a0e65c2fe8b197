"""A trained model as a file for other programs: ONNX, or a program of ``torch.export``; checked before it is there."""
from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..files import whole_file, write_json
from ..recognizers.pixel_model import PixelModel
from ..runs.loading import build_model
from ..version import __version__
from .counting import clip_shape

if TYPE_CHECKING:
    from mmengine.config import Config

SCHEMA = 'mmdfer-export-1'
OPSET = 17
TOLERANCE = 1e-4                        # of probabilities, and of logits by their greatest
BATCHES, LENGTHS = (1, 2, 3, 5), (1, 2, 4, 9, 16, 24)
OUTPUTS = ('logits', 'probabilities')
Runner = Callable[[np.ndarray], Sequence[np.ndarray]]


def export(cfg: Config, checkpoint: str, path: str, kind: str | None = None, clips: int = 20) -> dict[str, Any]:
    """Write a config's model with a checkpoint's weights, whole and checked or not at all.

    The file takes RGB pixels, float32 (B, 3, T, H, W) from 0 to 255, of any number B of clips of any length T, and
    gives ``logits`` and ``probabilities``, (B, K). ``<path>.json`` beside it, and the metadata of an ONNX file, tell
    the classes and what to do to a video (:func:`description`).

    Args:
        cfg: the config that the checkpoint was trained with.
        checkpoint: full checkpoint, or tunable file with the image checkpoint in the config.
        path: ``.onnx`` or ``.pt2``.
        kind: of :data:`WRITERS`; by default what the suffix says.
        clips: random clips on which the file must agree with the model.

    Returns:
        The description, with ``check``: the greatest difference and the ratio of times.

    Raises:
        ValueError: for a suffix that does not fit, a model that takes no clips, or a file that does not agree.
        CheckpointError: for a checkpoint that does not fit.
    """
    kind = kind or {found: name for name, (found, _) in WRITERS.items()}.get(Path(path).suffix)
    if kind not in WRITERS:
        raise ValueError(f'{path}: its suffix names no format: give .onnx or .pt2, or --format '
                         f'{" or --format ".join(WRITERS)}')
    suffix, write = WRITERS[kind]
    if Path(path).suffix != suffix:
        raise ValueError(f'{path}: a file of {kind} ends in {suffix}')
    shape = clip_shape(cfg)
    if len(shape) != 6:
        raise ValueError(f'{cfg.filename}: its model takes {shape[1:]}, no clips (3, T, H, W); models of clips are '
                         "exported, whose test_pipeline has FormatShape(input_format='NCTHW')")
    recognizer = build_model(cfg, checkpoint, 'cpu')
    told = description(cfg, checkpoint, shape[2:], kind)
    return write_checked(recognizer, path, write, shape[2:], told, clips)


def write_checked(recognizer: nn.Module, path: str, write: Callable[[nn.Module, Tensor, Path, dict], Runner],
                  shape: Sequence[int], told: dict[str, Any], clips: int = 20) -> dict[str, Any]:
    """Write a recognizer by one of :data:`WRITERS`, hold the file against it, and let it stand if it agrees.

    Raises:
        ValueError: naming the greatest difference, if it does not agree.
    """
    pixels = PixelModel(recognizer)
    if pixels.reads_frames_alone:
        told['notes'].append('Of what the model can see of a clip the file sees the frames alone.')
    with whole_file(path) as partial, torch.no_grad():
        # Of the last name alone is known what it is a file of.
        target = partial.with_name(partial.name + Path(path).suffix)
        lengths = lengths_of(recognizer, pixels, shape)
        told['lengths'] = dict(tried=sorted(lengths), any=lengths != [shape[1]])
        try:
            run = write(pixels, example(shape, frames=4 if 4 in lengths else shape[1]), target, told)
            told['check'] = compare(recognizer, pixels, run, shape, clips, lengths)
            _refuse_other(path, told['check'])
            target.replace(partial)
        finally:
            target.unlink(missing_ok=True)
    write_json(told, f'{path}.json')
    return told


def description(cfg: Config, checkpoint: str, shape: Sequence[int], kind: str) -> dict[str, Any]:
    """What a program must know that runs the file.

    Args:
        cfg: the model's config.
        checkpoint: its file.
        shape: (3, T, H, W) of a clip as the config's pipeline gives it.
        kind: of the file.
    """
    steps = [{key: value for key, value in step.items() if not isinstance(value, (dict, list))}
             for step in cfg.test_pipeline]
    return dict(
        schema=SCHEMA, mmdfer=__version__, format=kind, classes=list(cfg.get('run_classes') or ()),
        input=dict(name='clips', shape=['batch', 3, 'frames', *shape[2:]], type='float32', colours='RGB',
                   range=[0, 255], normalisation='inside: give pixels as they are'),
        frames=shape[1], pipeline=steps, outputs=list(OUTPUTS),
        config=Path(cfg.filename).stem if cfg.filename else None, checkpoint=str(checkpoint), notes=[])


def lengths_of(recognizer: nn.Module, pixels: PixelModel, shape: Sequence[int]) -> list[int]:
    """Which of :data:`LENGTHS` the model takes, and its own: some have positions for one length, or up to one."""
    taken = []
    for frames in dict.fromkeys((*LENGTHS, shape[1])):
        try:
            reference(recognizer, pixels, example(shape, 1, frames))
        except (RuntimeError, ValueError, AssertionError):
            if frames == shape[1]:
                raise                           # it takes nothing, which is another fault
            continue
        taken.append(frames)
    return taken


def example(shape: Sequence[int], batch: int = 2, frames: int = 4, seed: int = 0) -> Tensor:
    """Clips (B, 3, T, H, W) of coarse random patterns in pixels, as pictures are and noise is not."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch * frames, 3, 7, 7, generator=generator) * 255
    fine = nn.functional.interpolate(coarse, size=tuple(shape[2:]), mode='bilinear')
    return fine.unflatten(0, (batch, frames)).transpose(1, 2).contiguous()


def write_onnx(model: nn.Module, clips: Tensor, path: Path, told: dict) -> Runner:
    """An ONNX file with the description among its metadata, and ONNX Runtime on it.

    Raises:
        ImportError: without onnx or onnxruntime.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ImportError(f'{error.name} is not there: pip install "mmdfer[export]"') from None
    frames = {2: 'frames'} if told['lengths']['any'] else {}
    axes = dict(clips={0: 'batch', **frames}, **{name: {0: 'batch'} for name in OUTPUTS})
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')         # of a tracer that warns of every number; the check below tells
        # This exporter, not the newer one: it knows recurrences of any length, and takes seconds where that takes
        # minutes.
        torch.onnx.export(model, (clips, ), str(path), dynamo=False, opset_version=OPSET, input_names=['clips'],
                          output_names=list(OUTPUTS), dynamic_axes=axes)
    content = onnx.load(str(path))
    for name in ('classes', 'input', 'frames', 'lengths', 'pipeline', 'config', 'notes', 'mmdfer'):
        entry = content.metadata_props.add()
        entry.key, entry.value = name, json.dumps(told[name])
    onnx.checker.check_model(content)
    onnx.save(content, str(path))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
    return lambda batch: session.run(list(OUTPUTS), dict(clips=batch))


def write_program(model: nn.Module, clips: Tensor, path: Path, told: dict) -> Runner:
    """A program of ``torch.export``, the description beside it in the archive, and that program read again."""
    axes = {0: torch.export.Dim('batch', min=1)}
    if told['lengths']['any']:
        axes[2] = torch.export.Dim('frames', min=1)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        program = torch.export.export(model, (clips, ), dynamic_shapes=dict(clips=axes), strict=False)
    text = json.dumps({key: value for key, value in told.items() if key != 'check'})
    torch.export.save(program, path, extra_files={'mmdfer.json': text})
    module = torch.export.load(path).module()
    return lambda batch: [output.numpy() for output in module(torch.from_numpy(batch))]


WRITERS: dict[str, tuple[str, Callable[[nn.Module, Tensor, Path, dict], Runner]]] = dict(
    onnx=('.onnx', write_onnx), torch_export=('.pt2', write_program))
"""Suffix and writer of each format."""


def compare(recognizer: nn.Module, pixels: PixelModel, run: Runner, shape: Sequence[int], clips: int,
            lengths: Sequence[int]) -> dict[str, Any]:
    """Hold a file against the model that it came from, on random clips of the lengths and of several batches.

    Returns:
        ``clips``; the greatest difference of ``probabilities`` and of ``logits``, and the greatest logit; ``seconds``
        a clip of the model's usual length by the file and by the model, and their ``time_ratio``.
    """
    probabilities = logits = greatest = 0.0
    done = turn = 0
    while done < clips:
        batch = min(BATCHES[turn % len(BATCHES)], clips - done)
        frames = lengths[turn % len(lengths)]
        inputs = example(shape, batch, frames, seed=turn + 1)
        expected = reference(recognizer, pixels, inputs)
        found = run(inputs.numpy())
        logits = max(logits, float(np.abs(found[0] - expected[0]).max()))
        probabilities = max(probabilities, float(np.abs(found[1] - expected[1]).max()))
        greatest = max(greatest, float(np.abs(expected[0]).max()))
        done, turn = done + batch, turn + 1
    inputs = example(shape, 1, shape[1])
    of_file, of_model = paired_seconds(lambda: run(inputs.numpy()), lambda: reference(recognizer, pixels, inputs))
    return dict(clips=done, probabilities=probabilities, logits=logits, greatest_logit=greatest,
                seconds=dict(file=of_file, model=of_model), time_ratio=of_file / of_model)


def reference(recognizer: nn.Module, pixels: PixelModel, clips: Tensor) -> list[np.ndarray]:
    """Logits and probabilities of the model itself, by its own way through its own parts."""
    batch = recognizer.data_preprocessor(dict(inputs=list(clips.unsqueeze(1)), data_samples=None))['inputs']
    if pixels.reads_frames_alone:
        logits = recognizer.frame_logits(batch.flatten(0, 1))
    else:
        logits = recognizer.extract_feat(batch, stage='head')[0]
    return [logits.numpy(), logits.softmax(dim=1).numpy()]


def paired_seconds(first: Callable[[], object], second: Callable[[], object], rounds: int = 3) -> tuple[float, float]:
    """The shortest time of each, run in turn, so that what slows the machine slows both."""
    best = [np.inf, np.inf]
    for _ in range(rounds):
        for place, call in enumerate((first, second)):
            began = time.perf_counter()
            call()
            best[place] = min(best[place], time.perf_counter() - began)
    return float(best[0]), float(best[1])


def _refuse_other(path: str, check: dict[str, Any]) -> None:
    least = max(check['greatest_logit'], 1.0)
    # A difference that is not a number is none that is small.
    if not (check['probabilities'] <= TOLERANCE and check['logits'] <= TOLERANCE * least):
        raise ValueError(f'{path}: is not written, because what it computes differs from the model by '
                         f'{check["probabilities"]:.2g} in probabilities and {check["logits"]:.2g} in logits, where '
                         f'{TOLERANCE:g} is allowed; choose another --format')
