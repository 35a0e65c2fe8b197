"""A clip's prediction is its own for every model that the metafiles list.

Alone, in a batch, in another order, beside a clip of NaN; each at a small size, with every weight at work. Configs of
one model on several sets are looked at once.
"""
from __future__ import annotations

import copy
import json
from functools import cache

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmpretrain.structures import DataSample

from mmdfer.adapters import ExpertMixture
from mmdfer.config_names import config_files
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config

from ..test_mix.small import CLIP_LINEAR, SIDE, SMALL, small_config

STOCK = {name: SMALL[name] for name in SMALL if name not in CLIP_LINEAR and 'adapter_vit' not in name}
FRAMES, WIDTH = 4, 32
ARCH = dict(embed_dims=WIDTH, num_layers=2, num_heads=2, feedforward_channels=2 * WIDTH)
CAPTIONS = ('the brows draw together', 'a smile', '', 'the mouth opens wide and the eyes with it', 'a nod')
CLIPS = len(CAPTIONS)
NAN = 3
# Networks that take other sizes than towers do, and their heads.
OTHERS = {
    'FormerDFER': dict(image_size=SIDE, num_frames=FRAMES, base_channels=WIDTH // 8),
    'M3DFEL': dict(num_frames=FRAMES, instance_length=2, resnet_channels=64, hidden=WIDTH // 2),
    'IALNet': dict(image_size=SIDE, num_frames=FRAMES, channels=(16, 16, WIDTH), head_channels=8),
    'LGIFormer': dict(img_size=SIDE, num_frames=FRAMES, patch_size=8, embed_dims=WIDTH, depth=2, num_heads=2,
                      region_size=(2, 2, 4)),
    'SVFAP': dict(img_size=SIDE, num_frames=2 * FRAMES, patch_size=8, embed_dims=WIDTH, depths=(2, 1, 1), num_heads=2),
    'IALHead': dict(in_channels=WIDTH, aux_channels=(16, 16, WIDTH)),
}
# Of all configs those whose models differ, the first of each: no file is read before a test needs it.
LOOKED_AT = {
    'baselines':
        'adaptformer_vitb16_dfew aim_vitb16_dfew c3d_dfew cocoop_vitb16_dfew coop_vitb16_dfew '
        'dfer_clip_vitb16_dfew full_finetuning_vitb16_dfew houlsby_vitb16_dfew linear_probe_vitb16_dfew '
        'lora_vitb16_dfew maple_vitb16_dfew r3d18_dfew s2d_tma_vitb16_dfew st_adapter_12x384_vitb16_dfew '
        'st_adapter_24x384_vitb16_dfew timesformer_vitb_dfew videomae_vitb_dfew vpt_vitb16_dfew',
    '':
        'contrastive_clip_vitb16_mafw fe_adapter_vitb_afew finecliper_vitb16_dfew finecliper_zeroshot_vitb16_dfew '
        'pe_clip_vitb16_afew zero_shot_clip_vitb16_dfew',
    'demo':
        'fe_adapter finecliper_base finecliper_captions finecliper_full finecliper_zeroshot image_stage pe_clip '
        'temporal_aggregation',
    'image_fer': 'mae_sfer_vitb_affectnet vitb_affectnet',
    'mix':
        'adapter_vit_recognizer2d_dfew mvit_small_st_adapter_dfew resnet3d18_d2conv3d_dfew slowonly_r50_dfew '
        'timesformer_fe_adapter_dfew tsn_r50_dfew videomae_vitb_fe_adapter_dfew videomae_vitb_st_adapter_dfew',
    'neighbours':
        'claip_emo_dfew dk_clip_dfew dk_clip_released_dfew emoclip_dfew emoclip_zero_shot_dfew former_dfer_dfew '
        'fru_adapter_dfew fru_adapter_ferv39k ial_dfew m3dfel_dfew mae_dfer_dfew s2d_dfew s2d_ferv39k s4d_dfew '
        'svfap_dfew',
}
NAMES = sorted(f'{folder}/{stem}'.lstrip('/') for folder, stems in LOOKED_AT.items() for stem in stems.split())


def shrink(part):
    """A model's config at a small size: towers of two blocks over clips of 4 frames of 32x32."""
    if isinstance(part, (list, tuple)):
        return [shrink(one) for one in part]
    if not isinstance(part, dict):
        return part
    part = {key: shrink(value) for key, value in part.items()}
    kind = part.get('type')
    if kind in ('AdapterViT', 'ImageViT', 'CLIPTextEncoder', 'S2DViT', 'SnippetViT'):
        part['arch'] = dict(ARCH, proj_dim=WIDTH) if kind == 'CLIPTextEncoder' else ARCH
        if kind != 'CLIPTextEncoder':
            part.update(img_size=SIDE, patch_size=8)
        part.update({key: new for key, new in (('proj_dim', WIDTH), ('temporal_embedding', FRAMES),
                                               ('num_segments', FRAMES)) if part.get(key)})
        for adapter in (part.get('adapters') or {}).values():
            adapter.update({key: size for key, size in (('width', 8), ('frames', FRAMES)) if key in adapter})
        if kind == 'S2DViT':
            part.update(landmarks=dict(checkpoint='random'), temporal_embedding=FRAMES)
    if kind == 'JointViT':
        part.update(arch=ARCH, img_size=SIDE, patch_size=8, num_frames=FRAMES)
        part['adapters']['experts'].update(width=8, blocks='2')
    part.update(OTHERS.get(kind, {}))
    if kind == 'M3DFEL':
        part['resnet'].update(base_channels=8)
    if part.get('in_channels') in (96, 512, 768, 1024):
        part['in_channels'] = WIDTH
    if kind == 'TemporalTransformer':
        part.update(num_frames=FRAMES, num_heads=4, feedforward_channels=2 * WIDTH)
        part.update({key: 16 for key in ('head_channels', ) if part.get(key)})
    part.update({key: 2 for key in ('depth', 'vision_depth') if 'vision' in part and part.get(key, 0) > 2})
    return part


@cache
def small_model(name: str) -> tuple[dict, int] | None:
    """The model of a config, and the frames of a clip; ``None`` for pre-training, which predicts nothing."""
    if name in STOCK:
        return small_config(name).model.to_dict(), STOCK[name][1]
    cfg = load_config(name)
    if not cfg.get('test_dataloader'):
        return None
    model = shrink(cfg.model.to_dict())
    # SVFAP halves the steps in time twice.
    return model, model['backbone']['num_frames'] if model['backbone']['type'] == 'SVFAP' else FRAMES


def without_classes(part):
    """A model but for what differs with the classes of its set, and what training alone has."""
    if isinstance(part, dict):
        return {key: without_classes(value) for key, value in part.items()
                if key not in ('num_classes', 'classes', 'blending', 'init_cfg', 'train_cfg')}
    return [without_classes(one) for one in part] if isinstance(part, (list, tuple)) else part


def build(model: dict):
    """The model with random weights everywhere and no files, in double precision: cosines are multiplied by 100."""
    def bare(part):
        if isinstance(part, dict):
            return {key: None if key == 'init_cfg' else bare(value) for key, value in part.items()}
        return [bare(one) for one in part] if isinstance(part, (list, tuple)) else part

    torch.manual_seed(0)
    built = MODELS.build(bare(copy.deepcopy(model))).eval().double()
    with torch.no_grad():
        for name, value in built.named_parameters():
            if not value.any() and 'log' not in name:                       # what starts at zero, and hides the rest
                value.normal_(std=0.1)
    return built


def samples_of(model: dict, frames: int):
    """Clips, or pictures, in which every number differs, and what stands beside them; the third lacks what it may."""
    generator = torch.Generator().manual_seed(1)
    size = model['backbone'].get('img_size') or SIDE
    size = size if isinstance(size, int) else size[0]
    if model['type'].startswith('mmpretrain.'):
        return (torch.rand(CLIPS, 3, size, size, generator=generator).double() * 255,
                [DataSample() for _ in range(CLIPS)])
    flat = model['data_preprocessor']['format_shape'] == 'NCHW'
    shape = (frames, 3) if flat else (1, 3, frames)
    clips = torch.rand(CLIPS, *shape, size, size, generator=generator).double() * 255
    samples = []
    for index, caption in enumerate(CAPTIONS):
        sample = ActionDataSample(metainfo=dict(video_id=str(index), caption=caption))
        maps = torch.randint(0, 256, (2, 3, frames, size, size), dtype=torch.uint8, generator=generator)
        sample.parsing_maps, sample.landmark_maps, sample.has_face_maps = *maps, torch.tensor(index != 2)
        samples.append(sample)
    return clips, samples


@torch.no_grad()
def scores(model, clips, samples, order):
    """(N, K), as testing gives them."""
    chosen = copy.deepcopy([samples[index] for index in order])
    batch = [clips[index] for index in order]
    inputs = torch.stack(batch) if isinstance(chosen[0], DataSample) else batch
    return torch.stack([sample.pred_score for sample in model.test_step(dict(inputs=inputs, data_samples=chosen))])


@pytest.mark.filterwarnings('ignore:TemporalDynamicAdapter')
@pytest.mark.parametrize('name', NAMES)
def test_a_prediction_is_the_clips_own(name):
    config, frames = small_model(name)
    model = build(config)
    clips, samples = samples_of(config, frames)
    whole = scores(model, clips, samples, range(CLIPS))
    assert torch.isfinite(whole).all() and (whole[0] - whole[1:]).abs().max(dim=1)[0].min() > 1e-5, 'all alike'
    for order in ([1], [2], [4, 2, 0, 3, 1]):
        torch.testing.assert_close(scores(model, clips, samples, order), whole[order], rtol=0, atol=1e-9)
    spoilt = clips.clone()
    spoilt[NAN] = torch.nan
    beside = scores(model, spoilt, samples, range(CLIPS))
    others = [index for index in range(CLIPS) if index != NAN]
    # Experts multiply other numbers of tokens then, and round otherwise on some processors.
    mixed = any(isinstance(module, ExpertMixture) for module in model.modules())
    torch.testing.assert_close(beside[others], whole[others], rtol=0, atol=1e-12 if mixed else 0)
    assert not torch.equal(beside[NAN], whole[NAN])


def test_every_family_is_looked_at():
    """What is left out is the same model on another set, or at another size."""
    found = {}
    for name, small in ((name, small_model(name)) for name in config_files()):
        if small is not None:
            found.setdefault(json.dumps(without_classes(small[0]), sort_keys=True, default=str), name)
    assert sorted(found.values()) == NAMES
    looked_at = [model['type'] + str(model) for model, _ in map(small_model, NAMES)]
    for part in ('FEAdapter', 'STAdapter', 'TemporalModelingAdapter', 'TemporalDynamicAdapter', 'SharedAdapter',
                 "'temporal_attn'", 'lora', 'VideoModality', 'MapModality', 'CaptionModality', 'CaptionContrastiveHead',
                 'TemporalTransformer', "'conditional': True", "'coupled'", "'own'", 'C3D', 'ResNet3d', 'D2ResNet3d',
                 'TimeSformer', 'VisionTransformer', 'S2DViT', 'SnippetViT', 'MViT', 'Recognizer2D', 'SlowOnly',
                 'mmpretrain.ImageClassifier', *OTHERS):
        assert any(part in told for told in looked_at), part
