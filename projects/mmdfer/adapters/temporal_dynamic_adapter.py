"""TDA: a gated recurrent bottleneck along the frames of a clip (PE-CLIP, ACM TOMM)."""
from __future__ import annotations

import warnings
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..ops.recurrence import scanned_gru
from ..registry import MODELS
from .base import Adapter
from .bottleneck import bottleneck_width
from .grid import TokenGrid

RECURRENCES = {'none': None, 'rnn': nn.RNN, 'lstm': nn.LSTM, 'gru': nn.GRU}
SCALINGS = ('none', 'input', 'recurrent', 'post_up')


@MODELS.register_module()
class TemporalDynamicAdapter(Adapter):
    """g · W_up GELU(h), what is added to every token u (B·T, L, C), the class token too.

    z = LN(u), g = ReLU(w·z + b), one gate a token, and h = GRU(W_down z), one layer in one direction along
    the T frames of one clip, a sequence for each of its L token positions. W_up starts at zero, weight and
    bias.

    The release runs its GRU along all B·T frames of a mini-batch, so that a clip's prediction depends on
    the clips before it. ``across_batch=True`` does the same, to compare with its figures; with one clip in
    the batch both agree.

    Args:
        dim: token width C.
        width: bottleneck width r; or give ``reduction``, r = C / reduction.
        reduction: see ``width``. Defaults to 8, as in the paper, when neither is given.
        recurrence: ``'gru'``, ``'lstm'``, ``'rnn'``, or ``'none'`` for h = W_down z. The paper's vanilla row
            has neither norm nor gate: ``BottleneckAdapter`` with ``reduction=8``.
        scaling: where the gate multiplies: ``'post_up'`` (the delta), ``'recurrent'`` (the GRU's output),
            ``'input'`` (its input), or ``'none'`` for no gate.
        across_batch: run along the whole batch, as the release does; warns.
        zero_init: start W_up at zero.
        zero_bias: start the biases of the gate and of W_down at zero, as the release does.

    Raises:
        ValueError: for an unknown recurrence or scaling, and as ``BottleneckAdapter`` for the width.
    """

    def __init__(self, dim: int, width: int | None = None, reduction: int | None = None, recurrence: str = 'gru',
                 scaling: str = 'post_up', across_batch: bool = False, zero_init: bool = True,
                 zero_bias: bool = False) -> None:
        super().__init__(zero_init)
        for name, value, choices in (('recurrence', recurrence, RECURRENCES), ('scaling', scaling, SCALINGS)):
            if value not in choices:
                raise ValueError(f'TemporalDynamicAdapter: {name}={value!r} is not known: choose one of '
                                 f'{", ".join(choices)}')
        width = bottleneck_width('TemporalDynamicAdapter', dim, width, reduction, default=8)
        self.norm = nn.LayerNorm(dim)
        self.gate = None if scaling == 'none' else nn.Linear(dim, 1)
        self.down = nn.Linear(dim, width)
        recurrent = RECURRENCES[recurrence]
        self.recurrent = None if recurrent is None else recurrent(width, width, batch_first=True)
        self.act = nn.GELU()
        self.up = nn.Linear(width, dim)
        self.scaling, self.across_batch = scaling, across_batch
        for layer in (self.gate, self.down) if zero_bias else ():
            if layer is not None:
                nn.init.zeros_(layer.bias)
        if across_batch:
            warnings.warn('TemporalDynamicAdapter: across_batch=True runs the recurrence along the whole batch, as the '
                          'release does, so predictions depend on the batch that a clip is in; leave it out for '
                          'predictions that do not', stacklevel=2)
        self.init_weights()

    def zeroed(self) -> Iterable[nn.Parameter]:
        return self.up.parameters()

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        z = self.norm(x)
        gate = None if self.gate is None else torch.relu(self.gate(z))          # (B·T, L, 1)

        def scaled(value: Tensor, place: str) -> Tensor:
            return gate * value if self.scaling == place else value

        h = scaled(self._run(scaled(self.down(z), 'input'), grid), 'recurrent')  # (B·T, L, r)
        return scaled(self.up(self.act(h)), 'post_up')

    def _run(self, h: Tensor, grid: TokenGrid) -> Tensor:
        """The recurrence along time, (B·T, L, r) -> (B·T, L, r)."""
        if self.recurrent is None:
            return h
        sequences = grid.to_sequences(h, h.shape[0] if self.across_batch else grid.frames)
        if torch.compiler.is_exporting():
            return grid.from_sequences(scanned_gru(self.recurrent, sequences), h.shape[1])
        # cuDNN gives gradients in training mode alone; maps of attention want them in eval mode.
        cudnn = self.training or not torch.is_grad_enabled()
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled and cudnn):
            sequences, _ = self.recurrent(sequences)
        return grid.from_sequences(sequences, h.shape[1])
