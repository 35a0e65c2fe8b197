"""Files of the masked-autoencoder line's video encoders: of pre-training, fine-tuned, or of this project."""
from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from ..trained_on import FIELD, TrainedOn
from .added import is_added
from .clip_files import read_with_config
from .loading import LoadReport, TowerFile, fill, strip_prefixes
from .release import bring, under

_PATCHES = (r'patch_embed\.proj\.(.+)', r'patch_embed.projection.\1')
_MLP = tuple((rf'blocks\.(\d+)\.mlp\.fc{theirs}\.(.+)', rf'blocks.\1.{{}}.layers.{ours}.\2')
             for theirs, ours in ((1, '0.0'), (2, '1')))
_SAME = r'(fc_norm\..+)', r'\1'


def _mlp(name: str) -> tuple[tuple[str, str], ...]:
    return tuple((theirs, ours.format(name)) for theirs, ours in _MLP)


#: From the names of MAE-DFER's release to LGIFormer's.
LGI_FORMER_RULES = (
    (r'lg_region_tokens', 'region_tokens'), _PATCHES, *_mlp('ffn'), _SAME,
    *((rf'blocks\.(\d+)\.{theirs}\.(.+)', rf'blocks.\1.{ours}.\2') for theirs, ours in (
        ('first_attn_norm0', 'local_norm'), ('first_attn', 'local_attn'), ('second_attn_norm0', 'global_norm'),
        ('second_attn', 'global_attn'), ('third_attn_norm0', 'interaction_norm'),
        ('third_attn_norm1', 'context_norm'), ('third_attn', 'interaction_attn'), ('norm2', 'ffn_norm'))),
)
#: From the names of SVFAP's release to SVFAP's.
SVFAP_RULES = (
    _PATCHES, *_mlp('mlp'), _SAME,
    (r'(blocks\.\d+\.(?:norm1|norm2|attn|cross_attn)\..+)', r'\1'),
    (r'blocks\.(\d+)\.cross_norm1\.(.+)', r'blocks.\1.cross_norm.\2'),
    (r'blocks\.(\d+)\.cross_norm2\.(.+)', r'blocks.\1.context_norm.\2'),
    (r'temporal_downsamples\.(\d+)\.(.+)', r'stages.\1.halve.\2'),
    (r'spatial_downsamples\.(\d+)\.norm\.(.+)', r'stages.\1.summary.norm.\2'),
    (r'spatial_downsamples\.(\d+)\.mlp\.fc1\.(.+)', r'stages.\1.summary.mlp.0.\2'),
    (r'spatial_downsamples\.(\d+)\.mlp\.fc2\.(.+)', r'stages.\1.summary.mlp.2.\2'),
)
#: From VideoMAE's names to JointViT's.
VIDEO_MAE_RULES = (
    _PATCHES, _SAME,
    (r'blocks\.(\d+)\.norm(\d)\.(.+)', r'layers.\1.ln\2.\3'),
    (r'blocks\.(\d+)\.attn\.([qv]_bias)', r'layers.\1.attn.qkv.\2'),
    (r'blocks\.(\d+)\.attn\.(qkv\.weight|proj\..+)', r'layers.\1.attn.\2'),
    (r'blocks\.(\d+)\.mlp\.fc1\.(.+)', r'layers.\1.ffn.layers.0.0.\2'),
    (r'blocks\.(\d+)\.mlp\.fc2\.(.+)', r'layers.\1.ffn.layers.1.\2'),
)
PRETRAINING = 'pre-training'
# What pre-training has beside the encoder, whose own last norm has no place in fine-tuning: its mean has another.
_BESIDE_ENCODER = (r'decoder\..+', r'encoder_to_decoder\..+', 'mask_token')
_NEW = ('fc_norm.weight', 'fc_norm.bias')


def load_video_file(backbone: nn.Module, path: str | os.PathLike, rules: Sequence[tuple[str, str]],
                    system: str) -> LoadReport:
    """Start a video encoder from a file of its pre-training, a fine-tuned one, or a checkpoint of this project.

    Of the first kind names begin with ``encoder.``; the decoder is left out, and the norm of the mean starts anew. The
    report is logged.

    Args:
        backbone: the encoder.
        path: torch or safetensors file.
        rules: from the release's names to the encoder's, as :func:`mmdfer.weights.release.bring` reads them.
        system: whose file it is, for messages.

    Raises:
        CheckpointError: for a file of another system or size, or one that lacks weights.
    """
    read = read_with_config(path)
    state = strip_prefixes(read.state, ('module.', ))
    file = _of_ours(state) or _of_theirs(state, path, rules, system)
    if file.format.endswith(PRETRAINING):
        own = backbone.state_dict()
        file.state.update({key: own[key] for key in _NEW})
        file.notes.append('the norm of the mean starts anew')
    report = fill(backbone, file, path, partial(_remedy, system),
                  "model.backbone's embed_dims, depth and patch_size")
    if FIELD in read.meta:                      # what training here has left is told of what goes on from it
        setattr(backbone, FIELD, TrainedOn.from_meta(read.meta, str(path)))
    return report


def _of_ours(state: dict[str, Tensor]) -> TowerFile | None:
    """The backbone of a recogniser of this project, if the tensors are one's."""
    found = {key: value for key, value in under(state, 'backbone.').items() if not is_added(key)}
    rest = {key: tuple(value.shape) for key, value in state.items() if key.removeprefix('backbone.') not in found}
    return TowerFile(found, 'mmdfer', rest) if found else None


def _of_theirs(state: dict[str, Tensor], path: str | os.PathLike, rules: Sequence[tuple[str, str]],
               system: str) -> TowerFile:
    """The encoder of a release's file."""
    encoder = under(state, 'encoder.')
    found, left_out = bring(encoder or state, rules, path, system, (r'norm\..+', ) if encoder else (r'head\..+', ))
    dropped = {f'encoder.{key}' if encoder else key: tuple((encoder or state)[key].shape) for key in left_out}
    if encoder:
        others = {key: value for key, value in state.items() if not key.startswith('encoder.')}
        bring(others, (), path, system, _BESIDE_ENCODER)                     # else it is refused by name
        dropped.update({key: tuple(value.shape) for key, value in others.items()})
    return TowerFile(found, f'{system} {PRETRAINING if encoder else "fine-tuned"}', dropped)


def _remedy(system: str, key: str) -> str:
    return f'the file is no {system} of these sizes: choose the config of its own'


def load_lgi_former(backbone: nn.Module, path: str | os.PathLike) -> LoadReport:
    """:func:`load_video_file` for MAE-DFER's LGI-Former."""
    return load_video_file(backbone, path, LGI_FORMER_RULES, 'MAE-DFER')


def load_svfap(backbone: nn.Module, path: str | os.PathLike) -> LoadReport:
    """:func:`load_video_file` for SVFAP."""
    return load_video_file(backbone, path, SVFAP_RULES, 'SVFAP')


def load_video_mae(backbone: nn.Module, path: str | os.PathLike) -> LoadReport:
    """:func:`load_video_file` for a ViT of joint attention, of VideoMAE."""
    return load_video_file(backbone, path, VIDEO_MAE_RULES, 'VideoMAE')
