"""The layer that a parameter of a vision transformer lies in, told by its name alone."""
from __future__ import annotations

from torch import nn

PATCHES = 'patch_embed'
BLOCKS = ('blocks', 'layers')
# They stand beside the patches, whatever their place in the module.
EMBEDDINGS = ('cls_token', 'pos_embed', 'mask_token')


def has_layers_by_name(backbone: nn.Module) -> bool:
    """Whether a backbone has ``patch_embed`` and a list of ``blocks`` or ``layers``, as vision transformers do."""
    return hasattr(backbone, PATCHES) and _blocks(backbone) is not None


def depth_by_name(backbone: nn.Module, name: str, prefix: str = '') -> tuple[int, int]:
    """The layer of a parameter and the number of layers, as mmpretrain's ``get_layer_depth`` tells them.

    With N blocks there are N + 2 layers: 0 for the patch embedding, the class token and the positions, i + 1 for block
    i, and N + 1 for all else, which with a decay d over layers has the rate's factor d^(N + 1 - layer) = 1.

    Args:
        backbone: one of which :func:`has_layers_by_name` holds.
        name: of a parameter, from the model on.
        prefix: what stands before the backbone's own names, such as ``backbone.``.
    """
    blocks = _blocks(backbone)
    assert blocks is not None
    layers = len(getattr(backbone, blocks)) + 2
    first, *rest = name.removeprefix(prefix).split('.')
    if not name.startswith(prefix):
        return layers - 1, layers
    if first == PATCHES or first in EMBEDDINGS:
        return 0, layers
    return (int(rest[0]) + 1 if first == blocks else layers - 1), layers


def _blocks(backbone: nn.Module) -> str | None:
    return next((name for name in BLOCKS if isinstance(getattr(backbone, name, None), nn.ModuleList)), None)
