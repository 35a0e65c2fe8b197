"""An ablation's rows on the demo's small towers: adapters by the same part of the depth, widths and prompts scaled."""
from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping

from mmengine.config import Config

from ..backbones import named_adapters
from ..backbones.adapter_block import parse_blocks
from ..backbones.adapter_vit import architecture
from ..registry import MODELS
from ..run_config import load_config
from ..text.clip_text import text_architecture

# Where a model has towers with adapters, and how each tells its sizes.
TOWERS = {'backbone': architecture, 'encoders.map': architecture, 'cls_head.text_encoder': text_architecture,
          'cls_head.negative_encoder': text_architecture}
# What a row has from the paper's model as it is, whatever the towers' sizes.
KEPT = ('type', 'share_adapters', 'cls_head.texts', 'cls_head.negative_texts', 'cls_head.reduce')
# What loads what beside the frames, under which keys it is packed, and for which modalities.
LOADERS = {'LoadFaceMaps': ('algorithm_keys', ('parsing_maps', 'landmark_maps', 'has_face_maps'),
                            ('parsing', 'landmarks')),
           'LoadCaption': ('meta_keys', ('caption', ), ('caption', ))}
NEGATIVE = 'cls_head.negative_encoder'
PROMPTS, DEPTHS = 'cls_head.prompts', {'depth': 'cls_head.text_encoder', 'vision_depth': 'backbone'}


def demo_config(row: Config, full: str, small: str) -> Config:
    """A row's model on the demo's towers and data.

    Args:
        row: the row's config.
        full: the config of the table's own model.
        small: the config of the same model on the demo's towers.

    Returns:
        ``small`` with the row's adapters, texts, prompts and modalities. A tower that trains whole there, since its
        weights are random, has no adapters.
    """
    own, full_model, demo = row.model, load_config(full).model, load_config(small)
    for place, sizes in TOWERS.items():
        tower, small_tower = _get(own, place), _get(demo.model, place)
        if tower is None or small_tower is None or not small_tower.get('freeze', True):
            continue
        depth, small_depth = (sizes(one.arch)['num_layers'] for one in (tower, small_tower))
        scale = width_scale(*(named_adapters(one.adapters) for one in (_get(full_model, place), small_tower)))
        small_tower.adapters = shrink(named_adapters(tower.adapters), depth, small_depth, scale)
        if sizes is architecture:
            _fit_frames(small_tower.adapters, demo.num_frames)
    for place in KEPT:
        _copy(own, full_model, demo.model, place)
    if _copy(own, full_model, demo.model, PROMPTS):
        _shrink_prompts(own, demo.model)
    if _get(demo.model, NEGATIVE) is not None and _get(own, NEGATIVE) is None:
        demo.model.cls_head.negative_encoder = None
    if 'modalities' in demo.model:
        _leave_out_modalities(own, demo)
    return demo


def _leave_out_modalities(own: dict, demo: Config) -> None:
    """Leave out the modalities that a row does not have, and what is loaded for them alone."""
    modalities = demo.model.modalities
    for name in modalities:
        if _get(own, f'modalities.{name}') is None:
            modalities[name] = None
    unread = {step: (entry, keys) for step, (entry, keys, names) in LOADERS.items()
              if not any(modalities.get(name) for name in names)}
    for loader in (demo.train_dataloader, demo.val_dataloader, demo.test_dataloader):
        loader.dataset.pipeline = [step for step in loader.dataset.pipeline if step.type not in unread]
        for step in loader.dataset.pipeline:
            for entry, keys in unread.values():
                if entry in step:
                    step[entry] = tuple(key for key in step[entry] if key not in keys)
    demo.train_pipeline, demo.test_pipeline = (
        loader.dataset.pipeline for loader in (demo.train_dataloader, demo.test_dataloader))


def width_scale(full: Mapping[str, dict], small: Mapping[str, dict]) -> float:
    """By what factor the demo's bottlenecks are narrower, told by the first adapter that both have by name.

    A ratio of reductions is that of the part of the tower's width which a bottleneck has.
    """
    for name in full:
        for key, sign in (('width', 1), ('reduction', -1)):
            if key in full[name] and key in small.get(name, {}):
                return (small[name][key] / full[name][key])**sign
    return 1.


def shrink(adapters: Mapping[str, dict], depth: int, small_depth: int, scale: float) -> dict[str, dict]:
    """Adapters of a deep tower for a shallow one: the same part of its depth, widths and reductions scaled.

    A block of the shallow tower stands for several of the deep one, and carries the adapter if most of
    them do. Widths are rounded to multiples of 4, reductions to whole numbers; depthwise stays depthwise.
    """
    small = {}
    for name, adapter in adapters.items():
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
        small[name] = adapter
    return small


def _fit_frames(adapters: Mapping[str, dict], frames: int) -> None:
    """Give the demo's number of frames to adapters that are made for one."""
    for adapter in adapters.values():
        if 'frames' in inspect.signature(MODELS.get(adapter['type'])).parameters:
            adapter['frames'] = frames


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
