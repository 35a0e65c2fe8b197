"""Hair outlines of the styles named in :data:`~mmdfer.synthetic.identity.HAIR_STYLES`."""
from __future__ import annotations

import numpy as np

from .identity import Identity
from .outlines import band, smooth

_ACROSS = np.linspace(1, -1, 11)    # hairlines run from the right temple to the left one


def hair_outlines(who: Identity, head: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Polygons of the hair behind and before the head.

    Args:
        who: the subject.
        head: (16, 2) outline of the head, clockwise from the crown.

    Returns:
        (part name, polygon (n, 2)) in the order of painting.
    """
    if who.hair_style == 'bald':
        return []
    skull = head[np.r_[-3:0, 0:4]]      # from the left temple over the crown to the right temple
    skull = skull * (1 + 0.4 * who.hair_volume, 1 + who.hair_volume)
    sides = np.array([(0.9, 0.0), (-0.9, 0.0)]) * (who.face_width, 1)
    if who.hair_style == 'curly':
        skull = skull * np.array([1.02, 1.15, 1.05, 1.12, 1.05, 1.15, 1.02])[:, None]
    if who.hair_style == 'long':
        sides = np.array([(1.14, 0.1), (1.2, 0.6), (1.22, 1.3), (-1.22, 1.3), (-1.2, 0.6),
                          (-1.14, 0.1)]) * (who.face_width, 1)
    line = _hairline(who)
    parts = [('hair_back', smooth(np.concatenate([skull * (1.02, 1.0), sides]))),
             ('hair', smooth(np.concatenate([skull, line])))]
    # Locks run in arcs from the parting to the hairline, dark and light in turn.
    start = np.array([who.parting * who.face_width, 0.96 * skull[:, 1].min()])
    t = np.linspace(0, 1, 7)[:, None]
    for index, end in enumerate(line[:-1] * 0.5 + line[1:] * 0.5):
        bend = np.array([end[0] * 1.1, 0.8 * start[1] + 0.2 * end[1]])
        arc = (1 - t)**2 * start + 2 * t * (1 - t) * bend + t**2 * end
        parts.append((('lock_dark', 'lock_light')[index % 2], band(arc, 0.045)))
    return parts


def _hairline(who: Identity) -> np.ndarray:
    """(11, 2) lower edge of the hair over the forehead, from right to left."""
    u = _ACROSS
    temple = 0.1 if who.hair_style == 'long' else -0.22
    line = who.hairline + (temple - who.hairline) * np.abs(u)**5
    if who.hair_style == 'side':
        line = line + 0.14 * np.clip((u - who.parting) * np.sign(who.parting + 1e-6), -0.3, 1)
    elif who.hair_style == 'fringe':
        line = np.maximum(line, -0.61 + 0.04 * np.cos(9 * u))
    elif who.hair_style == 'receding':
        line = line - 0.14 * np.exp(-((np.abs(u) - 0.55) / 0.2)**2) - 0.03
    elif who.hair_style == 'curly':
        line = line + 0.025 * np.cos(14 * u)
    return np.stack([(0.98 - 0.02 * np.abs(u)) * who.face_width * u, line], axis=1)
