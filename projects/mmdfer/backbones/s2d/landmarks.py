"""Landmark features of frames, from a frozen net whose weights lie in a file of their own."""
from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor, nn

from ...weights import CheckpointError, find_state_dict, read_checkpoint
from .mobilefacenet import MobileFaceNet

OPTION = 'model.backbone.landmarks.checkpoint'
#: In a file's place: weights that are random, and the same every time.
RANDOM = 'random'
_FIRST = 'conv1.conv.weight'


class LandmarkFeatures(nn.Module):
    """Frames (N, 3, ...) -> features (N, 128, H, W) of :class:`MobileFaceNet`, one for each patch.

    The net is frozen, in eval mode whatever the model's mode, and no part of the model's parameters or checkpoints:
    as in S2D's release it lies in a file of its own. A checkpoint holds the digest of its weights, so that it is not
    used over others in silence.

    Args:
        checkpoint: the file of the net's weights, or ``'random'`` for random ones, as trials and tests want them.

    Raises:
        CheckpointError: without a file, for one that is missing, or one of another net.
    """

    def __init__(self, checkpoint: str | None = None) -> None:
        super().__init__()
        self.register_buffer('digest', torch.zeros(32, dtype=torch.uint8))
        if self.digest.is_meta:                             # a model of shapes alone, as for counting
            net = MobileFaceNet()
        else:
            net = landmark_net(checkpoint)
            self.digest.copy_(digest_of(net))
        self._net = [net.eval().requires_grad_(False)]      # in a list, and so not among the modules

    @property
    def net(self) -> MobileFaceNet:
        """The net itself."""
        return self._net[0]

    def forward(self, frames: Tensor, resolution: tuple[int, int]) -> Tensor:
        """Features (N, 128, H, W) of frames (N, 3, ...), which are resized to 8 pixels a patch (112² for 14 × 14).

        Args:
            frames: as the backbone gets them, normalised, augmented and mixed.
            resolution: (H, W) in patches.
        """
        size = [self.net.STRIDE * side for side in resolution]
        with torch.no_grad():
            return self.net.features(F.interpolate(frames, size=size, mode='bilinear', align_corners=True))

    def _apply(self, fn: Callable, *args, **kwargs) -> nn.Module:
        """The net goes where the module goes."""
        self.net._apply(fn, *args, **kwargs)
        return super()._apply(fn, *args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        """Hold a file's digest against the net's, which stays.

        Raises:
            CheckpointError: for another, unless the file does not know it.
        """
        key = f'{prefix}digest'
        theirs = state_dict.get(key)
        if theirs is not None:
            if theirs.any() and not theirs.cpu().equal(self.digest.cpu()):
                raise CheckpointError(f'{key}: the checkpoint was trained with other landmark weights than those of '
                                      f'{OPTION}; give the file that it was trained with')
            state_dict[key] = self.digest
        super()._load_from_state_dict(state_dict, prefix, *args)


def landmark_net(checkpoint: str | None) -> MobileFaceNet:
    """The net with a file's weights, or random ones.

    Raises:
        CheckpointError: naming the option that gives the file, and what is wrong with it.
    """
    if checkpoint == RANDOM:
        return MobileFaceNet.random()
    if not checkpoint:
        raise CheckpointError(f'{OPTION} is not set: S2D reads landmark features from a MobileFaceNet whose weights '
                              'are in a file of their own (mobilefacenet_model_best.pth.tar); give it by '
                              f'--cfg-options {OPTION}=FILE ({RANDOM} for a trial without it)')
    try:
        state = find_state_dict(read_checkpoint(checkpoint), checkpoint)
    except CheckpointError as error:
        raise CheckpointError(f'{OPTION}: {error}') from None
    start = next((key.removesuffix(_FIRST) for key in state if key.endswith(_FIRST)), '')     # inside an image model's
    state = {key.removeprefix(start): tensor for key, tensor in state.items() if key.startswith(start)}
    net = MobileFaceNet()
    own = net.state_dict()
    wrong = sorted(name for name in {*own, *state}
                   if name not in own or name not in state or own[name].shape != state[name].shape)
    if wrong:
        raise CheckpointError(f'{OPTION}: {checkpoint} is no MobileFaceNet of 68 landmarks: {len(wrong)} tensors are '
                              f'missing, too many or of another shape (such as {wrong[0]}); give the file '
                              'mobilefacenet_model_best.pth.tar')
    net.load_state_dict(state)
    print_log(f'{checkpoint}: landmark net, {len(state)} tensors loaded', logger='current')
    return net


def digest_of(net: nn.Module) -> Tensor:
    """SHA-256 of a net's names and weights, (32,) bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}'.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return torch.frombuffer(bytearray(digest.digest()), dtype=torch.uint8)
