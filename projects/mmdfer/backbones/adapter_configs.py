"""Adapters as configs write them: by name, each with its type, its slot and the blocks that it goes into."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from mmengine.model import ModuleDict

from ..adapters import Adapter
from ..registry import MODELS, nearest

#: ``dict(fe=dict(type='FEAdapter', slot='before_attn', blocks='all', width=116))``; ``None`` leaves a name out.
AdapterConfigs = Mapping[str, dict | None] | Sequence[dict]


def named_adapters(adapters: AdapterConfigs | None, default_slot: str | None = None) -> dict[str, dict]:
    """Configs of adapters by name, in their order.

    Args:
        adapters: by name, of which those that are ``None`` are left out; or a list, whose adapters are named by
            type and place, such as ``FEAdapter_before_attn``.
        default_slot: of those that name none; without it they have to.

    Raises:
        ValueError: for what is neither, a name that cannot be a module's, and an adapter without type or slot.
    """
    if adapters is None:
        return {}
    if not isinstance(adapters, Mapping):
        adapters = _names_of_list(adapters)
    found = {}
    for name, cfg in adapters.items():
        if cfg is None or name == '_delete_':       # left by the merging of configs
            continue
        if not isinstance(cfg, Mapping) or 'type' not in cfg:
            raise ValueError(f'adapters.{name}={cfg!r}: an adapter is a dict with a type, as in '
                             f'{name}=dict(type="FEAdapter", slot="before_attn"), or None to leave it out; the '
                             f'adapters here are {", ".join(adapters)}')
        if default_slot is None and 'slot' not in cfg:
            raise ValueError(f'adapter {name!r}, a {cfg["type"]}, has no slot: add e.g. slot="before_attn"')
        if not re.fullmatch(r'[A-Za-z_]\w*', name) or hasattr(ModuleDict(), name):
            raise ValueError(f'adapters.{name}: an adapter\'s name is made of letters, digits and _, begins with no '
                             'digit and is none that modules use themselves: choose another')
        found[name] = dict(dict(slot=default_slot) if default_slot else {}, **cfg)
    return found


def _names_of_list(adapters: Sequence[dict]) -> dict[str, dict]:
    """Adapters of a list by type and place, numbered from the second of the same."""
    named: dict[str, dict] = {}
    for cfg in adapters:
        parts = [cfg[key] for key in ('type', 'slot') if key in cfg] if isinstance(cfg, Mapping) else []
        name = stem = '_'.join(getattr(part, '__name__', str(part)).rpartition('.')[2] for part in parts) or 'adapter'
        number = 1
        while name in named:
            number += 1
            name = f'{stem}_{number}'
        named[name] = cfg
    return named


def build_adapter(cfg: dict, dim: int, name: str) -> Adapter:
    """Build the adapter of a config without its slot and blocks.

    Raises:
        ValueError: for a type that is not registered, or no adapter.
    """
    kind = cfg['type'] if isinstance(cfg['type'], type) else MODELS.get(cfg['type'])
    if kind is None:
        known = [key for key, one in MODELS.module_dict.items() if _is_adapter(one)]
        raise ValueError(
            f'adapter {name!r}: type={cfg["type"]!r} is not registered: {nearest(cfg["type"], known)}; one '
            'of your own is registered by custom_imports')
    if not _is_adapter(kind):
        raise ValueError(f'adapter {name!r}: {cfg["type"]} is no adapter: derive it from mmdfer.adapters.Adapter, and '
                         'return what is added to the tokens, without the tokens themselves')
    return MODELS.build(dict(cfg, dim=dim))


def _is_adapter(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Adapter)


def check_slot(slot: str, slots: Iterable[str], name: str) -> None:
    """Refuse a slot that does not exist, and an adapter by the name of one.

    Raises:
        ValueError: with the nearest slots.
    """
    if slot not in slots:
        raise ValueError(f'adapter {name!r}: slot={slot!r} is not a slot: {nearest(slot, slots)}')
    if name in slots:
        raise ValueError(f'adapter {name!r}: the name is that of a slot, by which files of older versions name '
                         'adapters; choose another')


def without_skip(cfg: dict, name: str, beside: Iterable[str]) -> dict:
    """An adapter's config without the ``skip`` of older versions, where what it asked for is what its slot does.

    Args:
        cfg: the config; a ``skip`` says whether the adapter gave back its input beside what it adds.
        name: of the adapter.
        beside: slots that add what the adapter gives to another input than its own.

    Raises:
        ValueError: where its slot does not do what ``skip`` asked for.
    """
    if 'skip' not in cfg:
        return cfg
    cfg = dict(cfg)
    slot, skip = cfg['slot'], bool(cfg.pop('skip'))
    if skip == (slot in beside or slot == 'attn_map'):
        remedies = {'attn_out': 'slot="attn_map" puts it in the place of the attention\'s branch',
                    'attn_map': 'slot="attn_out" adds it to the attention\'s branch'}
        raise ValueError(f'adapter {name!r}: skip={skip} in {slot} is not possible: an adapter gives what is added, '
                         f'and {slot} takes that {"alone" if skip else "beside its input"}; leave skip out, or change '
                         f'the slot: {remedies.get(slot, "no slot does what it asks for")}')
    return cfg
