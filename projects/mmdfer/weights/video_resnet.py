"""torchvision's 3D ResNets under the names of MMAction2's ``ResNet3d``."""
from __future__ import annotations

import os

from mmengine.logging import print_log
from torch import Tensor, nn

from .errors import CheckpointError, tensors_as_named
from .loading import rename
from .reading import read_checkpoint
from .states import find_state_dict

TORCHVISION = (
    (r'^stem\.0\.', 'conv1.conv.'), (r'^stem\.1\.', 'conv1.bn.'),
    (r'^layer(\d)\.(\d+)\.conv(\d)\.0\.', r'layer\1.\2.conv\3.conv.'),
    (r'^layer(\d)\.(\d+)\.conv(\d)\.1\.', r'layer\1.\2.conv\3.bn.'),
    (r'^layer(\d)\.(\d+)\.downsample\.0\.', r'layer\1.\2.downsample.conv.'),
    (r'^layer(\d)\.(\d+)\.downsample\.1\.', r'layer\1.\2.downsample.bn.'))
"""Rules for :func:`mmdfer.weights.loading.rename`, from torchvision's names to ``ResNet3d``'s."""
_WITNESS, _HEAD = 'stem.0.weight', ('fc.weight', 'fc.bias')


def load_video_resnet(network: nn.Module, path: str | os.PathLike) -> None:
    """Load torchvision's file of a video ResNet, such as ``r3d_18``, into MMAction2's ``ResNet3d``; its head is left
    out, and said to be.

    Raises:
        CheckpointError: for a file of another model, depth or width.
    """
    state: dict[str, Tensor] = dict(find_state_dict(read_checkpoint(path), path))
    if _WITNESS not in state:
        raise CheckpointError(f"{path}: no 3D ResNet of torchvision's is recognised in its keys (such as "
                              f"{sorted(state)[:4]}; {_WITNESS} is missing); give torchvision's file of r3d_18")
    with tensors_as_named(path):
        ours = rename({key: value for key, value in state.items() if key not in _HEAD}, TORCHVISION)
        check_same(network.state_dict(), ours, path)
        network.load_state_dict(ours)
    print_log(f"{path}: {len(ours)} tensors of torchvision's 3D ResNet loaded, its classifier is not used",
              logger='current')


def check_same(own: dict[str, Tensor], given: dict[str, Tensor], path: str | os.PathLike) -> None:
    """Refuse tensors that are not, by name and shape, those of a model.

    Raises:
        CheckpointError: naming the first that lacks, is left over, or is of another shape.
    """
    for name in sorted(set(own) ^ set(given)):
        what = 'is missing' if name in own else 'has no place'
        raise CheckpointError(f'{path}: {name} {what}; the file is of another depth: set the config to match')
    for name, tensor in given.items():
        if tensor.shape != own[name].shape:
            raise CheckpointError(f'{path}: {name} is {tuple(tensor.shape)}, expected {tuple(own[name].shape)}; the '
                                  'file is of another width: set the config to match')
