"""An ablation's rows on the demo's small towers: adapters by the same part of the depth, widths and prompts scaled."""
from __future__ import annotations

import copy
from collections.abc import Sequence

from mmengine.config import Config

from ..backbones import named_adapters
from ..backbones.adapter_block import parse_blocks
from ..backbones.adapter_vit import architecture
from ..text.clip_text import text_architecture
from ..run_config import load_config

# Where a model has towers with adapters, and how each tells its sizes.
TOWERS = {'backbone': architecture, 'cls_head.text_encoder': text_architecture}
# What a row has from the paper's model as it is, whatever the towers' sizes.
KEPT = ('share_adapters', 'cls_head.texts', 'cls_head.reduce')
PROMPTS, DEPTHS = 'cls_head.prompts', {'depth': 'cls_head.text_encoder', 'vision_depth': 'backbone'}


def demo_config(row: dict) -> Config | None:
    """A row's model on the demo's towers and data.

    Args:
        row: of :func:`mmdfer.apis.ablation.read_rows`. Its ``demo`` names two configs that stand for each other: ``full``,
            of the table's own model, and ``small``, the same on the demo's towers.

    Returns:
        ``small`` with the row's adapters, texts and prompts; ``None`` for a row that is not part of the demo.
    """
    if not row['demo']:
        return None
    own, full = (load_config(path).model for path in (row['path'], row['demo']['full']))
    demo = load_config(row['demo']['small'])
    for place, sizes in TOWERS.items():
        tower, small = _get(own, place), _get(demo.model, place)
        if tower is None or small is None:
            continue
        depth, small_depth = (sizes(one.arch)['num_layers'] for one in (tower, small))
        scale = width_scale(*(list(named_adapters(one.adapters).values()) for one in (_get(full, place), small)))
        small.adapters = shrink(list(named_adapters(tower.adapters).values()), depth, small_depth, scale)
    for place in KEPT:
        _copy(own, full, demo.model, place)
    if _copy(own, full, demo.model, PROMPTS):
        _shrink_prompts(own, demo.model)
    return demo


def width_scale(full: Sequence[dict], small: Sequence[dict]) -> float:
    """By what factor the demo's bottlenecks are narrower, told by the first adapter of either list.

    A ratio of reductions is that of the part of the tower's width which a bottleneck has.
    """
    for key, sign in (('width', 1), ('reduction', -1)):
        if full and small and key in full[0] and key in small[0]:
            return (small[0][key] / full[0][key])**sign
    return 1.


def shrink(adapters: Sequence[dict], depth: int, small_depth: int, scale: float) -> list[dict]:
    """Adapters of a deep tower for a shallow one: the same part of its depth, widths and reductions scaled.

    A block of the shallow tower stands for several of the deep one, and carries the adapter if most of
    them do. Widths are rounded to multiples of 4, reductions to whole numbers; depthwise stays depthwise.
    """
    small = []
    for adapter in adapters:
        adapter, chosen = dict(adapter), parse_blocks(adapter.get('blocks', 'all'), depth)
        share = depth / small_depth
        blocks = [block + 1 for block in range(small_depth)
                  if sum(block <= index / share < block + 1 for index in chosen) > share / 2]
        adapter['blocks'] = ','.join(map(str, blocks)) if len(blocks) < small_depth else 'all'
        if 'width' in adapter:
            width = max(4, 4 * round(adapter['width'] * scale / 4))
            if adapter.get('groups', 1) == adapter['width']:
                adapter['groups'] = width
            adapter['width'] = width
        if 'reduction' in adapter:
            adapter['reduction'] = max(1, round(adapter['reduction'] / scale))
        small.append(adapter)
    return small


def _shrink_prompts(own: dict, small: dict) -> None:
    prompts = _get(small, PROMPTS) or {}
    for key, place in DEPTHS.items():
        if key in prompts:
            depth, small_depth = (TOWERS[place](_get(one, place).arch)['num_layers'] for one in (own, small))
            prompts[key] = max(1, round(prompts[key] * small_depth / depth))


def _get(model: dict, place: str):
    for part in place.split('.'):
        model = (model or {}).get(part)
    return model


def _copy(own: dict, full: dict, small: dict, place: str) -> bool:
    """Give the demo's model what the row has otherwise than the table's own model."""
    value = _get(own, place)
    if value == _get(full, place):
        return False
    *parents, key = place.split('.')
    for part in parents:
        small = small[part]
    small[key] = copy.deepcopy(value)
    return True
