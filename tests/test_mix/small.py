"""The configs of configs/mix and configs/baselines at sizes that run in seconds."""
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from mmaction.models.backbones import C3D, c3d
from mmengine.config import Config
from torch import nn

from mmdfer.registry import MODELS
from mmdfer.run_config import flow_classes

from ..conftest import ROOT

SIDE = 32
_VIT = {'model.backbone.backbone.img_size': SIDE, 'model.backbone.backbone.patch_size': 8,
        'model.backbone.backbone.embed_dims': 24, 'model.backbone.backbone.num_heads': 2,
        'model.backbone.backbone.num_frames': 4, 'model.cls_head.in_channels': 24}
_VIDEOMAE = dict(_VIT, **{'model.backbone.backbone.depth': 2})
_TIMESFORMER = dict(_VIT, **{'model.backbone.backbone.num_transformer_layers': 2})
_CLIP = {'model.backbone.arch': 'tiny', 'model.backbone.img_size': SIDE, 'model.backbone.patch_size': 8,
         'model.cls_head.in_channels': 192}
_R3D18 = {'model.backbone.base_channels': 4, 'model.cls_head.in_channels': 32}
NARROWER = 16


@MODELS.register_module()
class NarrowC3D(C3D):
    """C3D, whose widths no option tells, with a sixteenth of its channels."""

    class Linear(nn.Linear):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__(inputs // NARROWER, outputs // NARROWER)

    def __init__(self, **options) -> None:
        wide = c3d.ConvModule

        def narrow(inputs: int, outputs: int, **more) -> nn.Module:
            return wide(inputs // NARROWER if inputs > 3 else inputs, outputs // NARROWER, **more)

        with mock.patch.multiple(c3d, ConvModule=narrow, nn=SimpleNamespace(**{**vars(nn), 'Linear': self.Linear})):
            super().__init__(**options)


def _stock(options):
    """The same without the adapters' part."""
    return {key.replace('backbone.backbone', 'backbone'): value for key, value in options.items()
            if 'adapter' not in key}


# What shrinks each model, and the frames that it then takes.
SMALL = {
    'mix/videomae_vitb_fe_adapter_dfew': (dict(_VIDEOMAE, **{'model.backbone.adapters.fe.width': 4}), 4),
    'mix/videomae_vitb_st_adapter_dfew': (dict(_VIDEOMAE, **{'model.backbone.adapters.st.width': 4}), 4),
    'mix/timesformer_fe_adapter_dfew': (dict(_TIMESFORMER, **{'model.backbone.adapters.fe.width': 4}), 4),
    'mix/mvit_small_st_adapter_dfew': ({
        'model.backbone.backbone.arch': 'tiny', 'model.backbone.backbone.spatial_size': SIDE,
        'model.backbone.backbone.temporal_size': 4, 'model.backbone.adapters.st.width': 4}, 4),
    'mix/resnet3d18_d2conv3d_dfew': (_R3D18, 8),
    'mix/tsn_r50_dfew': ({'model.backbone.depth': 18, 'model.cls_head.in_channels': 512}, 4),
    'mix/slowonly_r50_dfew': ({'model.backbone.base_channels': 4, 'model.cls_head.in_channels': 128}, 4),
    'mix/adapter_vit_recognizer2d_dfew': ({
        'model.backbone.arch': 'tiny', 'model.backbone.img_size': SIDE, 'model.backbone.patch_size': 8,
        'model.backbone.num_segments': 4,
        'model.backbone.adapters.fe.width': 8, 'model.cls_head.in_channels': 192}, 4),
    'baselines/c3d_dfew': ({'model.backbone.type': 'NarrowC3D', 'model.backbone.out_dim': 512 * 2 * 2,
                            'model.cls_head.in_channels': 4096 // NARROWER}, 16),
    'baselines/r3d18_dfew': (_R3D18, 8),
    'baselines/videomae_vitb_dfew': (_stock(_VIDEOMAE), 4),
    'baselines/timesformer_vitb_dfew': (_stock(_TIMESFORMER), 4),
    'baselines/aim_vitb16_dfew': (dict(_CLIP, **{'model.backbone.temporal_embedding': 4}), 4),
    'baselines/st_adapter_12x384_vitb16_dfew': (_CLIP, 4),
    'baselines/st_adapter_24x384_vitb16_dfew': (_CLIP, 4),
    'baselines/s2d_tma_vitb16_dfew': (_CLIP, 4),
    'baselines/adaptformer_vitb16_dfew': (_CLIP, 4),
    'baselines/houlsby_vitb16_dfew': (_CLIP, 4),
    'baselines/lora_vitb16_dfew': (_CLIP, 4),
    'baselines/linear_probe_vitb16_dfew': (_CLIP, 4),
    'baselines/full_finetuning_vitb16_dfew': (_CLIP, 4),
}
ADAPTED = [name for name, (options, _) in SMALL.items() if any('.backbone.backbone.' in key for key in options)]
# On CLIP's image encoder alone, with a linear head.
CLIP_LINEAR = [name for name in SMALL if '_vitb16_' in name]


def path(name: str) -> Path:
    return ROOT / 'configs' / f'{name}.py'


def small_options(name: str) -> dict:
    """Entries that shrink a config's model and the clips of its pipelines."""
    options, frames = SMALL[name]
    sampler = 'num_clips' if Config.fromfile(path(name)).test_pipeline[1].type == 'SampleFrames' else 'num_frames'
    options = dict(options)
    for loader in ('train', 'val', 'test'):
        pipeline = f'{loader}_dataloader.dataset.pipeline'
        options[f'{pipeline}.1.{sampler}'] = frames
        if loader == 'train':
            options[f'{pipeline}.4.scale'] = (SIDE, SIDE)
        else:
            options[f'{pipeline}.3.scale'], options[f'{pipeline}.4.crop_size'] = (-1, SIDE), SIDE
    return options


def small_config(name: str) -> Config:
    cfg = Config.fromfile(path(name))
    cfg.merge_from_dict(small_options(name))
    flow_classes(cfg)
    return cfg


def clip_shape(name: str, batch: int = 2) -> tuple[int, ...]:
    """(B, 3, T, H, W) of what the small model takes."""
    return batch, 3, SMALL[name][1], SIDE, SIDE
