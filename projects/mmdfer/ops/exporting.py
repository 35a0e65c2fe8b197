"""Whether a model is on its way out of PyTorch, where operators of our own have no meaning."""
from __future__ import annotations

import torch


def is_exporting() -> bool:
    """Whether ``torch.export`` or the ONNX exporter is tracing."""
    return torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()
