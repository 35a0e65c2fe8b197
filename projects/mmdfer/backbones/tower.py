"""What every stack of adapter blocks does: adapters from a config, freezing, recomputation, prompts between blocks."""
from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from mmcv.cnn.bricks import DropPath
from mmengine.model import ModuleList
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..adapters import Adapter, TokenGrid, share_adapters
from .adapter_block import AHEAD_OF_ATTENTION, BESIDE, AdapterBlock, parse_blocks
from .adapter_configs import AdapterConfigs, build_adapter, named_adapters, without_skip
from .freezing import freeze_but_added, log_parameters, train_added
from .frozen_types import keep_frozen_in
from .lora import add_lora


class AdapterTower:
    """A mixin before a module class; the towers of images (``AdapterViT``) and of texts (``CLIPTextEncoder``).

    The module makes its ``layers`` of :class:`AdapterBlock` and its ``embed_dims``, then calls
    :meth:`adopt_adapters` once everything that may be frozen is there.
    """

    layers: ModuleList
    embed_dims: int
    freeze: bool
    with_cp: bool
    #: Whether there are patches among the tokens, for adapters that see no others.
    has_patches = True
    #: Whether nothing but the class token is read of the last block.
    reads_class_token = False

    def adopt_adapters(self, adapters: AdapterConfigs, freeze: bool, with_cp: bool = False, lora: dict | None = None,
                       also_tunable: tuple[str, ...] = (), frozen_dtype: str | None = None) -> None:
        """Put adapters into the slots and blocks that their configs name, freeze the rest, log the counts.

        Args:
            adapters: their configs by name, or a list. A ``drop_path`` is the last block's and rises linearly
                from 0.
            freeze: train what :func:`mmdfer.weights.is_added` names alone.
            with_cp: recompute blocks in the backward pass.
            lora: arguments of :func:`mmdfer.backbones.lora.add_lora` for every block.
            also_tunable: beginnings of the names of further parameters that train although ``freeze`` is set.
            frozen_dtype: ``'bfloat16'`` to keep the frozen products' weights so.

        Raises:
            ValueError: for a config without a slot, an unknown slot or type, a block that does not exist, an
                adapter of patches in a tower without any, LoRA or a ``frozen_dtype`` in a tower that trains whole.
        """
        self.freeze, self.with_cp = freeze, with_cp
        if lora:
            self._add_lora(lora)
        self._add_adapters(named_adapters(adapters))
        if freeze:
            freeze_but_added(self, also_tunable)
        if frozen_dtype is not None:
            if not freeze:
                raise ValueError(f'{type(self).__name__}: frozen_dtype={frozen_dtype!r} is the type of frozen weights: '
                                 'set freeze=True')
            keep_frozen_in(self, frozen_dtype)
        log_parameters(type(self).__name__, self)

    def _add_adapters(self, configs: dict[str, dict]) -> None:
        built: dict[str, list[tuple[AdapterBlock, Adapter, str]]] = {}
        for name, cfg in configs.items():
            cfg = without_skip(cfg, name, BESIDE)
            slot, blocks = cfg.pop('slot'), cfg.pop('blocks', 'all')
            for index in parse_blocks(blocks, len(self.layers)):
                own = dict(cfg)
                if 'drop_path' in cfg:
                    own['drop_path'] = cfg['drop_path'] * index / max(len(self.layers) - 1, 1)
                adapter = build_adapter(own, self.embed_dims, name)
                if adapter.tokens == 'patches' and not self.has_patches:
                    raise ValueError(f'adapter {name!r}: a {cfg["type"]} sees patches alone, and {type(self).__name__} '
                                     'has no patches among its tokens: choose one that acts on each token, such as '
                                     'BottleneckAdapter')
                built.setdefault(slot, []).append((self.layers[index], adapter, name))
        # Slot by slot, as older versions ordered parameters: a resumed run's optimizer goes by that order.
        for slot, places in built.items():
            for block, adapter, name in places:
                block.add_adapter(slot, adapter, name)

    def unread_adapters(self) -> list[str]:
        """Adapters whose deltas nothing reads, so that they get no gradient.

        They see patches alone and stand behind the last attention, in a tower that reads the class token.
        """
        if not self.reads_class_token:
            return []
        last, index = self.layers[-1], len(self.layers) - 1
        behind = (name for slot, names in last.slots.items() if slot not in AHEAD_OF_ATTENTION for name in names)
        return [f'layers.{index}.adapters.{name}' for name in behind if last.adapters[name].tokens == 'patches']

    def _add_lora(self, cfg: dict) -> None:
        if not self.freeze:
            raise ValueError(f'{type(self).__name__}: lora is a small update of frozen weights: set freeze=True')
        for block in self.layers:
            add_lora(block.attn, ffn=block.ffn, **cfg)

    def train(self, mode: bool = True) -> nn.Module:
        """As usual, but frozen parts stay in eval mode. Stochastic depth, which has no weights, goes with the mode."""
        super().train(mode and not self.freeze)
        if self.freeze:
            train_added(self, mode)
            for module in self.modules():
                if isinstance(module, DropPath) and module.drop_prob:
                    module.training = mode
        return self

    def tie_frozen(self, guest: AdapterTower) -> int:
        """Let another tower of the same make use the frozen parameters of this one, and keep its own tunable ones.

        The weights are in memory once, count once, and have a name in both towers: a checkpoint of either loads.
        Load both from the same file, since the later of two fills the weights of both.

        Returns:
            How many tensors are shared.

        Raises:
            ValueError: if a frozen parameter of the guest has another shape or type here, or none.
        """
        own = dict(self.named_parameters())
        shared = 0
        for prefix, module in guest.named_modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                if parameter.requires_grad:
                    continue
                path = f'{prefix}.{name}' if prefix else name
                if path not in own or own[path].shape != parameter.shape or own[path].requires_grad \
                        or own[path].dtype != parameter.dtype:
                    raise ValueError(
                        f'{path} of the second tower, {tuple(parameter.shape)}, has no frozen counterpart in '
                        'the first: give both the same architecture and frozen_dtype')
                setattr(module, name, own[path])
                shared += 1
        return shared

    def share_adapters(self, guest: AdapterTower) -> int:
        """:func:`mmdfer.adapters.share_adapters` with this tower's adapters as the owners."""
        return share_adapters(self, guest)

    def run_blocks(self, tokens: Tensor, grid: TokenGrid, deep_prompts: Sequence[Tensor] | None = None,
                   start: int = 0, before: Callable[[int, Tensor], Tensor] | None = None) -> Tensor:
        """All blocks one after the other, on tokens (N, L, C).

        Args:
            tokens: embedded tokens with positions.
            grid: where they lie.
            deep_prompts: tensors (n, C), or (N, n, C); the i-th takes the place of n tokens before block
                i + 2 (1-based), so that J - 1 of them make prompts of depth J. Later blocks carry them on.
            start: the first of the tokens that deep prompts replace.
            before: what is done to the tokens before block i (from 0), ``before(i, tokens) -> tokens``, for towers
                that have something of their own between blocks.

        Raises:
            ValueError: for more deep prompts than there are blocks after the first.
        """
        deep_prompts = () if deep_prompts is None else deep_prompts
        if len(deep_prompts) >= len(self.layers):
            raise ValueError(f'prompt depth {len(deep_prompts) + 1} is over the {len(self.layers)} blocks of this '
                             f'{type(self).__name__}: choose a depth of at most {len(self.layers)}')
        for index, block in enumerate(self.layers):
            if 0 < index <= len(deep_prompts):
                tokens = self._replace(tokens, deep_prompts[index - 1], start)
            if before is not None:
                tokens = before(index, tokens)
            tokens = self._run_block(block, tokens, grid)
        return tokens

    def expand_prompts(self, prompts: Tensor, tokens: Tensor) -> Tensor:
        """Prompts (n, C) or (N, n, C) as (N, n, C) beside tokens (N, L, C), in their type.

        Raises:
            ValueError: for prompts of another width or number.
        """
        fits = prompts.ndim in (2, 3) and prompts.shape[-1] == self.embed_dims
        if not fits or (prompts.ndim == 3 and prompts.shape[0] not in (1, tokens.shape[0])):
            raise ValueError(f'prompts {tuple(prompts.shape)} do not fit {type(self).__name__}: expected (n, '
                             f'{self.embed_dims}) or ({len(tokens)}, n, {self.embed_dims}); set the prompt '
                             "learner's width to the encoder's")
        return prompts.to(tokens.dtype).expand(tokens.shape[0], -1, -1)

    def _replace(self, tokens: Tensor, prompts: Tensor, start: int) -> Tensor:
        prompts = self.expand_prompts(prompts, tokens)
        return torch.cat([tokens[:, :start], prompts, tokens[:, start + prompts.shape[1]:]], dim=1)

    def _run_block(self, block: AdapterBlock, tokens: Tensor, grid: TokenGrid) -> Tensor:
        tunable = any(parameter.requires_grad for parameter in block.parameters())
        if self.with_cp and (tokens.requires_grad or tunable):
            # The reentrant form gives no gradients over a frozen start (open-mmlab/mmengine#1425).
            return checkpoint(block, tokens, grid, use_reentrant=False)
        return block(tokens, grid)
