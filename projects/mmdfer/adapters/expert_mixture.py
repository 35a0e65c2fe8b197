"""S4D's mixture of adapter experts: each token goes through the few bottlenecks that a router chooses (TAFFC)."""
from __future__ import annotations

import warnings
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops.exporting import is_exporting
from ..registry import MODELS
from .base import Adapter
from .bottleneck import BottleneckAdapter, bottleneck_width
from .grid import TokenGrid


@MODELS.register_module()
class ExpertMixture(Adapter):
    """Σ_e g_e · W_up,e GELU(W_down,e h), what is added to every token h (B·T, L, C).

    The gates g are the softmax over the ``top_k`` largest of the router's logits r = W h + b, the others zero;
    in training r has noise, ε · softplus(W' h + b') with ε ~ N(0, 1). Experts are :class:`BottleneckAdapter`.
    S4D puts it beside the MLP of blocks 7 to 12 (``parallel_ffn``): 2,379,280 parameters for C = 768.

    The loss that balances the experts' load is the one that S4D means, balance · E² · mean over the E experts
    of (share of the tokens that chose it) · (mean of its logit). Its release leaves it out in distributed
    training, by an error that is caught.

    A token's output depends on nothing but the token. The release keeps the noise in testing, so that two
    passes differ (``noise_in_testing``), and gives an expert room for ``capacity_factor`` · N · top_k / E of the
    batch's N tokens, first come first served, so that a clip's output changes with the batch that it is in and
    with its place there (``capacity_factor=1``). Both are here to compare with it, and warn.

    Args:
        dim: token width C.
        width: bottleneck width r of an expert; or give ``reduction``, r = C / reduction.
        reduction: see ``width``. Defaults to 4, as in the release, when neither is given.
        num_experts: experts E.
        top_k: how many of them a token goes through.
        balance: factor of the loss that balances the load; 0 for none.
        noise_in_testing: keep the router's noise in testing; warns.
        capacity_factor: room of an expert as a multiple of its even share; ``None`` for no bound. Warns.
        zero_init: start every W_up at zero; by default of the release experts start at random.

    Raises:
        ValueError: for more choices than experts, room or balance that is negative, and as ``BottleneckAdapter``
            for the width.
    """

    def __init__(self, dim: int, width: int | None = None, reduction: int | None = None, num_experts: int = 8,
                 top_k: int = 2, balance: float = 1e-3, noise_in_testing: bool = False,
                 capacity_factor: float | None = None, zero_init: bool = True) -> None:
        super().__init__(zero_init)
        if not 1 <= top_k <= num_experts:
            raise ValueError(f'ExpertMixture: top_k={top_k} must lie between 1 and num_experts={num_experts}')
        if balance < 0 or (capacity_factor is not None and capacity_factor <= 0):
            raise ValueError(f'ExpertMixture: balance={balance} must not be negative, and capacity_factor='
                             f'{capacity_factor} must be positive or None')
        width = bottleneck_width('ExpertMixture', dim, width, reduction, default=4)
        self.router = nn.Linear(dim, num_experts)
        self.noise = nn.Linear(dim, num_experts)
        self.experts = nn.ModuleList(BottleneckAdapter(dim, width, zero_init=zero_init) for _ in range(num_experts))
        self.top_k, self.balance = top_k, balance
        self.noise_in_testing, self.capacity_factor = noise_in_testing, capacity_factor
        self._balance_loss: Tensor | None = None
        self._warn()
        self.init_weights()

    def _warn(self) -> None:
        if self.noise_in_testing:
            warnings.warn('ExpertMixture: noise_in_testing=True keeps the noise of S4D\'s router in testing, as its '
                          'release does, so that two tests of one model differ; leave it out for scores that do not',
                          RuntimeWarning, stacklevel=3)
        if self.capacity_factor is not None:
            warnings.warn(f'ExpertMixture: capacity_factor={self.capacity_factor} bounds the tokens of an expert over '
                          'the whole batch, as S4D\'s release does, so that predictions depend on the batch that a '
                          'clip is in; leave it out for predictions that do not', RuntimeWarning, stacklevel=3)

    def zeroed(self) -> Iterable[nn.Parameter]:
        return [parameter for expert in self.experts for parameter in expert.zeroed()]

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        tokens = x.flatten(0, 1)                                            # (B·T, L, C) -> (N, C)
        logits = self.router(tokens)                                        # (N, E)
        if self.training or self.noise_in_testing:
            logits = logits + torch.randn_like(logits) * F.softplus(self.noise(tokens))
        gates, chosen = self._gates(logits)
        if self.training and self.balance:
            self._balance_loss = self._load_loss(logits, chosen)
        out = self._dense(tokens, gates, grid) if is_exporting() else self._sparse(tokens, gates, chosen, grid)
        return out.reshape(x.shape)

    def _gates(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Gates (N, E) of the logits (N, E), and whether an expert is chosen for a token."""
        largest, index = logits.topk(self.top_k, dim=1)
        gates = torch.zeros_like(logits).scatter(1, index, largest.softmax(dim=1))
        chosen = torch.zeros_like(logits, dtype=torch.bool).scatter(1, index, True)
        if self.capacity_factor is not None:
            room = int(len(logits) * self.top_k / len(self.experts) * self.capacity_factor)
            kept = chosen & (chosen.cumsum(dim=0) <= room)
            gates = gates * kept
        return gates, chosen

    def _load_loss(self, logits: Tensor, chosen: Tensor) -> Tensor:
        share, mean = chosen.float().mean(dim=0), logits.float().mean(dim=0)
        return self.balance * len(self.experts)**2 * (share * mean).mean()

    def _sparse(self, tokens: Tensor, gates: Tensor, chosen: Tensor, grid: TokenGrid) -> Tensor:
        """Each expert on its own tokens. One without any still runs, so that its gradient is zero and not missing."""
        out = torch.zeros_like(tokens, dtype=gates.dtype)
        for number, expert in enumerate(self.experts):
            rows = chosen[:, number].nonzero().squeeze(1)
            out = out.index_add(0, rows, gates[rows, number, None] * expert(tokens[rows], grid).to(gates.dtype))
        return out

    def _dense(self, tokens: Tensor, gates: Tensor, grid: TokenGrid) -> Tensor:
        """The same by every expert on all tokens, without shapes that depend on the data."""
        return sum(gates[:, number, None] * expert(tokens, grid) for number, expert in enumerate(self.experts))

    def auxiliary_loss(self) -> Tensor | None:
        """What balances the load, of the last forward pass in training; asked for once."""
        loss, self._balance_loss = self._balance_loss, None
        return loss

    def __getstate__(self) -> dict:
        """Without the loss, whose graph can be neither copied nor pickled."""
        return dict(self.__dict__, _balance_loss=None)
