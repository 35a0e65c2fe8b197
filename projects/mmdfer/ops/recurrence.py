"""A GRU over sequences of any length, as ``torch.export`` can write it down."""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def scanned_gru(gru: nn.Module, sequences: Tensor) -> Tensor:
    """What ``gru(sequences)[0]`` gives, (N, T, C) -> (N, T, C), as one step that is repeated.

    ``torch.export`` unrolls PyTorch's own over the frames of its example, and so fixes their number. With gates r, z
    and candidate n of x and h::

        n = tanh(W_n x + r · U_n h)        h' = n + z · (h - n)

    Raises:
        ValueError: for another recurrence, several layers or two directions.
    """
    from torch._higher_order_ops.scan import scan
    plain = isinstance(gru, nn.GRU) and gru.num_layers == 1 and gru.batch_first and not gru.bidirectional
    if not plain:
        raise ValueError(f'{gru}: torch.export fixes the number of frames of this recurrence; export to ONNX, or train '
                         "the model with recurrence='gru'")
    inputs = F.linear(sequences, gru.weight_ih_l0, gru.bias_ih_l0).transpose(0, 1)          # (T, N, 3C)
    weight, bias = gru.weight_hh_l0, gru.bias_hh_l0

    def step(h: Tensor, gates: Tensor) -> tuple[Tensor, Tensor]:
        reset, update, new = gates.chunk(3, dim=-1)
        own_reset, own_update, own_new = F.linear(h, weight, bias).chunk(3, dim=-1)
        candidate = torch.tanh(new + torch.sigmoid(reset + own_reset) * own_new)
        h = candidate + torch.sigmoid(update + own_update) * (h - candidate)
        return h, h.clone()

    _, states = scan(step, torch.zeros_like(inputs[0, :, :gru.hidden_size]), inputs, dim=0)
    return states.transpose(0, 1)                                                           # (T, N, C) -> (N, T, C)
