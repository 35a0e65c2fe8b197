"""Fully sharded training: each process keeps a part of every weight, for backbones that one device cannot hold."""
from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from mmengine._strategy import FSDPStrategy
from mmengine.optim import OptimWrapper
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from ..registry import STRATEGIES


@STRATEGIES.register_module()
class BlockFSDPStrategy(FSDPStrategy):
    """mmengine's FSDP for ``FlexibleRunner``, one unit a transformer block, with whole checkpoints.

    What differs from ``FSDPStrategy``: frozen and tunable weights may share a unit, since parameters keep
    their own shape in the optimizer; GPUs all start from the first one's weights; checkpoints hold whole
    weights on the CPU, so that they are read without sharding; gradients are clipped by the norm over all
    shards (mmengine's is each process's own); resuming works with torch's present argument order; and it runs
    on CPUs (gloo), for tests.

    Args:
        blocks: names of the classes whose modules are one unit each; the rest is one more.
        kwargs: of ``FSDPStrategy``.
    """

    def __init__(self, blocks: Sequence[str] = ('AdapterBlock', 'TransformerEncoderLayer'), **kwargs) -> None:
        on_gpu = torch.cuda.is_available()
        wrapper = dict(type='MMFullyShardedDataParallel', use_orig_params=True, sync_module_states=on_gpu,
                       auto_wrap_policy=partial(is_block, names=frozenset(blocks)))
        if not on_gpu:
            wrapper['device_id'] = 'cpu'
        # Offloading from the CPU to the CPU hands out memory that is then freed.
        whole = dict(rank0_only=True, offload_to_cpu=on_gpu)
        kwargs.setdefault('model_wrapper', wrapper)
        kwargs.setdefault('state_dict_cfg', dict(
            state_dict_type='FULL_STATE_DICT', state_dict_config=dict(type='FullStateDictConfig', **whole),
            optim_state_dict_config=dict(type='FullOptimStateDictConfig', **whole)))
        super().__init__(**kwargs)

    def build_optim_wrapper(self, optim_wrapper, model: nn.Module | None = None) -> OptimWrapper:
        built = super().build_optim_wrapper(optim_wrapper, model)
        if built.clip_grad_kwargs and built.clip_func is torch.nn.utils.clip_grad_norm_:
            built._clip_grad = partial(clip_over_shards, built, model)
        return built

    def load_optim_state_dict(self, state_dict: dict) -> None:
        state = FullyShardedDataParallel.optim_state_dict_to_load(self.model, self.optim_wrapper.optimizer, state_dict)
        self.optim_wrapper.load_state_dict(state)


def is_block(module: nn.Module, recurse: bool, nonwrapped_numel: int, names: frozenset[str]) -> bool:
    """FSDP's question of every module, from the outer to the inner: look into it (``recurse``), make it a unit?"""
    return recurse or type(module).__name__ in names


def clip_over_shards(wrapper: OptimWrapper, model: FullyShardedDataParallel) -> None:
    """Clip by the norm of the whole gradient; also for a process whose shards have none, which must take part."""
    norm = model.clip_grad_norm_(**wrapper.clip_grad_kwargs)
    wrapper.message_hub.update_scalar(f'train/{wrapper.grad_name}', float(norm))


def is_sharded(model) -> bool:
    """Whether a model, or any part of it, is spread over the processes."""
    return isinstance(model, nn.Module) and any(isinstance(module, FullyShardedDataParallel)
                                                for module in model.modules())
