"""The regions of a parsed face: one table of ids, names and colours, and how foreign parsers call them.

Left and right are those of the picture, as in the 68 landmarks, so that a mirrored picture swaps them.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Region:
    """One region: its name, its colour in parsing maps (RGB), and its names in other label sets."""
    name: str
    colour: tuple[int, int, int]
    aliases: tuple[str, ...] = ()


REGIONS = (
    Region('background', (0, 0, 0), ('ear_r', 'l_ear', 'r_ear', 'left_ear', 'right_ear', 'ear_ring', 'earring', 'hat',
                                     'neck', 'neck_l', 'necklace', 'cloth', 'clothes')),
    Region('skin', (206, 152, 112), ('face', 'face_skin', 'facial_skin', 'eye_g', 'glasses', 'eyeglasses')),
    Region('left_brow', (52, 168, 83), ('l_brow', 'left_eyebrow', 'lb')),
    Region('right_brow', (160, 214, 72), ('r_brow', 'right_eyebrow', 'rb')),
    Region('left_eye', (40, 110, 230), ('l_eye', 'le')),
    Region('right_eye', (60, 190, 245), ('r_eye', 're')),
    Region('nose', (245, 200, 66)),
    Region('upper_lip', (225, 60, 90), ('u_lip', 'ulip')),
    Region('inner_mouth', (120, 16, 60), ('mouth', 'imouth', 'teeth')),
    Region('lower_lip', (245, 120, 150), ('l_lip', 'llip')),
    Region('hair', (130, 80, 180)),
)
"""Region ``i`` has id ``i``. FaceXFormer's 11 classes have the same order."""

REGION_ID = {region.name: index for index, region in enumerate(REGIONS)}
PALETTE = np.array([region.colour for region in REGIONS], np.uint8)     # (11, 3) RGB
SIDES = tuple((REGION_ID[f'left_{part}'], REGION_ID[f'right_{part}']) for part in ('brow', 'eye'))


def _swapped_sides() -> np.ndarray:
    ids = np.arange(len(REGIONS), dtype=np.uint8)
    for left, right in SIDES:
        ids[left], ids[right] = right, left
    return ids


SWAPPED = _swapped_sides()
"""(11,) the id that each id becomes when left and right are swapped: ``SWAPPED[labels]``."""


def region_table(names: Mapping[int, str] | Sequence[str], source: str) -> np.ndarray:
    """Our region of each class of a foreign parser, to be used as ``table[labels]``.

    Args:
        names: its class names, a list or a dict from 0-based id to name.
        source: what to call the parser in an error.

    Raises:
        ValueError: for a class that no region stands for, or if too few parts of a face are among them.
    """
    names = dict(names) if isinstance(names, Mapping) else dict(enumerate(names))
    known = {alias: index for index, region in enumerate(REGIONS) for alias in (region.name, *region.aliases)}
    keys = {index: '_'.join(name.lower().replace('-', ' ').split()) for index, name in names.items()}
    unknown = sorted(names[index] for index, key in keys.items() if key not in known)
    if unknown:
        raise ValueError(f'{source}: its classes {", ".join(map(repr, unknown[:5]))} are no regions of a face; take a '
                         'face parser (classes as in CelebAMask-HQ or LaPa), or rename its classes in config.json')
    table = np.zeros(max(keys) + 1, np.uint8)
    table[list(keys)] = [known[key] for key in keys.values()]
    lacking = [region.name for index, region in enumerate(REGIONS[1:-1], 1) if index not in table]
    if lacking:
        raise ValueError(f'{source}: has no class for {", ".join(lacking)}; take a face parser with these classes')
    return table


def order_sides(labels: np.ndarray) -> np.ndarray:
    """Label maps (T, H, W) whose left parts lie left in the picture.

    Parsers differ in whose left they mean. The clip tells: where a left and a right part are both seen,
    their order decides, over all frames together.
    """
    columns = np.arange(labels.shape[-1])
    lead = 0.
    for left, right in SIDES:
        for frame in labels:
            counts = [(frame == side).sum(axis=0) for side in (left, right)]
            if all(count.any() for count in counts):
                centres = [(count * columns).sum() / count.sum() for count in counts]
                lead += np.sign(centres[1] - centres[0])
    return SWAPPED[labels] if lead < 0 else labels
