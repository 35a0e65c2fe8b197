"""Which of its two ways D2Conv3D goes: Triton's kernels on a CUDA device, PyTorch's operators elsewhere."""
from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from mmengine.logging import print_log

VARIABLE = 'MMDFER_D2CONV3D'
CHOICES = ('torch', 'triton')
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
OLDEST = (8, 0)
"""The least compute capability: what has bfloat16 products."""

_SHAPES_AS_ON_CUDA = ContextVar('shapes_as_on_cuda', default=False)


@contextmanager
def shapes_as_on_cuda() -> Iterator[None]:
    """Within, tensors that have shapes and no values go the way that they would go on a CUDA device."""
    token = _SHAPES_AS_ON_CUDA.set(True)
    try:
        yield
    finally:
        _SHAPES_AS_ON_CUDA.reset(token)


def shapes_are_as_on_cuda() -> bool:
    """Whether tensors without values go as on CUDA."""
    return _SHAPES_AS_ON_CUDA.get()


@torch.compiler.assume_constant_result
def runs_on_triton(device: str, dtype: torch.dtype) -> bool:
    """Whether Triton's kernels take tensors of this device and type.

    ``MMDFER_D2CONV3D`` forces one of the ways: ``torch`` or ``triton``. Without it the kernels are taken on CUDA where
    they work; where they do not, one line in the log says why.

    Raises:
        ValueError: for another value of the variable, or where it asks for Triton and that cannot be.
    """
    wish = forced()
    if shapes_are_as_on_cuda() and wish != 'torch':
        return dtype in DTYPES
    if wish == 'torch' or not wish and not device.startswith('cuda'):
        return False
    trouble = f'its kernels have no {_plain(dtype)}' if dtype not in DTYPES else _trouble(device)
    if trouble is None:
        return True
    if wish:
        raise ValueError(f'{VARIABLE}=triton, but D2Conv3D cannot run on Triton here: {trouble}. Unset the variable '
                         "for PyTorch's operators")
    _say_once(f"D2Conv3D runs on PyTorch's operators, not on Triton: {trouble}")
    return False


def forced() -> str:
    """What ``MMDFER_D2CONV3D`` asks for, one of ``CHOICES``; empty for nothing.

    Raises:
        ValueError: for another value.
    """
    wish = os.environ.get(VARIABLE, '').strip().lower()
    if wish and wish not in CHOICES:
        raise ValueError(f'{VARIABLE}={wish!r} is not known: set it to one of {", ".join(CHOICES)}, or unset it')
    return wish


@functools.cache
def _trouble(device: str) -> str | None:
    """What keeps the kernels from running, ``None`` for nothing; finds out by running a small one."""
    from ._triton import TROUBLE
    if TROUBLE is not None:
        return f'Triton cannot be imported ({TROUBLE})'
    interpreted = os.environ.get('TRITON_INTERPRET') == '1'
    if not device.startswith('cuda'):
        return None if interpreted else f'the tensors are on {device}, not on a CUDA device'
    if torch.version.hip is not None:
        return 'they were made for CUDA alone'
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST:
        name = torch.cuda.get_device_name(device)
        return f'{name} has compute capability {capability[0]}.{capability[1]}, 8.0 is needed'
    try:
        from ._triton_probe import probe
        probe(torch.device(device))
    except Exception as error:              # no compiler, no driver, a version that does not fit: all of them its own
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f'a first kernel failed ({type(error).__name__}{": " + lines[0] if lines else ""})'
    return None


@functools.cache
def _say_once(line: str) -> None:
    print_log(line, logger='current')


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix('torch.')
