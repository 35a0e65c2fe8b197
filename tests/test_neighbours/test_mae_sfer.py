"""MAE-SFER: its classifiers' logits, its encoders as starts of an image stage, pre-training that makes such files."""
import json

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.dataset import pseudo_collate
from torch.nn import functional as F

from mmdfer.apis import running
from mmdfer.apis.convert_release import convert_release
from mmdfer.apis.counting import build_shapes
from mmdfer.backbones import AdapterViT, ImageViT
from mmdfer.datasets import DatasetError
from mmdfer.registry import DATASETS, MODELS, find_set
from mmdfer.run_config import load_config
from mmdfer.run_towers import set_image_checkpoint
from mmdfer.runs.loading import load_model
from mmdfer.weights import CheckpointError, load_vit, read_checkpoint
from mmdfer.weights.neighbours.mae_sfer import convert

from ..conftest import ROOT
from ..test_datasets.test_affectnet import write_picture

KEYS = ROOT.parent / 'shared' / 'data' / 'checkpoint_keys'
DEPTH = 12
SMALL = dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48)


def released_shapes(dim=192, patch=16, classes=7, depth=DEPTH):
    def layer(name, outside, *inside):
        return {f'{name}.weight': (outside, *inside), f'{name}.bias': (outside, )}

    shapes = {'cls_token': (1, 1, dim), 'pos_embed': (1, 1 + (224 // patch)**2, dim),
              **layer('patch_embed.proj', dim, 3, patch, patch), **layer('norm', dim)}
    for block in (f'blocks.{index}' for index in range(depth)):
        shapes |= {**layer(f'{block}.norm1', dim), **layer(f'{block}.attn.qkv', 3 * dim, dim),
                   **layer(f'{block}.attn.proj', dim, dim), **layer(f'{block}.norm2', dim),
                   **layer(f'{block}.mlp.fc1', 4 * dim, dim), **layer(f'{block}.mlp.fc2', dim, 4 * dim)}
    return shapes | (layer('head', classes, dim) if classes else {})


def random_state(**sizes):
    generator = torch.Generator().manual_seed(0)
    state = {name: torch.randn(shape, generator=generator) * (0.7 * (torch.Size(shape).numel() / shape[0])**-0.5
                                                              if len(shape) > 1 and shape[0] > 1 else 0.1)
             for name, shape in released_shapes(**sizes).items()}
    return {name: value + 1 if 'norm' in name and name.endswith('weight') else value for name, value in state.items()}


def expected_logits(s, images, heads=3):
    """The classifier by the sheet, in plain functions."""
    def linear(name, x):
        return F.linear(x, s[f'{name}.weight'], s[f'{name}.bias'])

    def norm(name, x):
        return F.layer_norm(x, x.shape[-1:], s[f'{name}.weight'], s[f'{name}.bias'], 1e-6)

    x = F.conv2d(images, s['patch_embed.proj.weight'], s['patch_embed.proj.bias'], stride=16).flatten(2).transpose(1, 2)
    x = torch.cat([s['cls_token'].expand(len(x), 1, -1), x], dim=1) + s['pos_embed']
    for block in (f'blocks.{index}' for index in range(DEPTH)):
        q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2)
                   for part in linear(f'{block}.attn.qkv', norm(f'{block}.norm1', x)).chunk(3, -1))
        mixed = (q @ k.transpose(-1, -2) * q.shape[-1]**-0.5).softmax(-1) @ v
        x = x + linear(f'{block}.attn.proj', mixed.transpose(1, 2).flatten(2))
        x = x + linear(f'{block}.mlp.fc2', F.gelu(linear(f'{block}.mlp.fc1', norm(f'{block}.norm2', x))))
    return linear('head', norm('norm', x[:, 0]))


@torch.no_grad()
def test_a_tiny_classifiers_file_gives_its_logits_by_the_printed_settings(tmp_path):
    state = random_state()
    torch.save(dict(model_state_dict=state, epoch=12, train_loss=0.3, amp=None), tmp_path / 'in.pth')
    report = convert_release('mae_sfer', tmp_path / 'in.pth', tmp_path / 'out.safetensors', dataset='rafdb')
    assert 'mmdfer test configs/image_fer/mae_sfer_vitb_rafdb.py' in report and 'does not tell' in report
    meta = read_checkpoint(tmp_path / 'out.safetensors')['meta']
    assert tuple(meta['classes']) == tuple(find_set('rafdb').METAINFO['classes'])
    for name, value in meta['settings'].items():
        assert f'{name}={value}' in report
    cfg = load_config(meta['config'], {name: int(value) if value.isdigit() else value
                                       for name, value in meta['settings'].items()})
    model, _ = load_model(cfg, str(tmp_path / 'out.safetensors'), 'cpu')
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1)).double()
    expected = expected_logits({name: value.double() for name, value in state.items()}, images)
    torch.testing.assert_close(model.double()(images), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize('name, sizes, settings', [
    ('base', dict(dim=768), {}),
    ('small', dict(dim=384, patch=32), {'backbone.arch': 'small', 'head.in_channels': 384, 'backbone.patch_size': 32}),
    ('tiny', dict(), {'backbone.arch': 'tiny', 'head.in_channels': 192})])
def test_names_and_shapes_are_those_of_the_released_files(name, sizes, settings):
    path = KEYS / f'mae_sfer_{name}.json'
    if not path.is_file():
        pytest.skip(f'names and shapes of released checkpoints are not at {KEYS}')
    theirs = {key: tuple(shape) for key, shape in json.loads(path.read_text())['keys'].items()}
    assert theirs == released_shapes(**sizes)
    found = convert({key: torch.zeros(shape, device='meta') for key, shape in theirs.items()}, 'in.pth')
    assert found.settings == {'head.num_classes': 7} | settings
    assert ('patches of 32' in found.note) == (name == 'small')
    cfg = load_config(found.config, {f'model.{key}': value for key, value in found.settings.items()})
    ours = {key: tuple(value.shape) for key, value in build_shapes(cfg.model).state_dict().items()}
    assert {key: tuple(value.shape) for key, value in found.state.items()} == ours
    count = sum(torch.Size(shape).numel() for shape in ours.values())
    assert count == dict(base=85_804_039, tiny=5_525_767).get(name, count)


def test_a_masked_autoencoders_file_starts_an_image_stage_and_its_decoder_is_left_out(tmp_path):
    state = random_state(dim=24, classes=0, depth=2) | {
        'mask_token': torch.zeros(1, 1, 16), 'decoder_pos_embed': torch.zeros(1, 197, 16),
        'decoder_blocks.0.norm1.weight': torch.ones(16), 'decoder_pred.weight': torch.zeros(768, 16)}
    torch.save(dict(model=state, optimizer=None, epoch=299), tmp_path / 'mae.pth')
    model = ImageViT(dict(SMALL, feedforward_channels=96))
    report = load_vit(model, tmp_path / 'mae.pth')
    assert len(report.unexpected) == 4 and not report.missing
    assert model.layers[1].attn.qkv.weight.equal(state['blocks.1.attn.qkv.weight'])
    told = convert_release('mae_sfer', tmp_path / 'mae.pth', tmp_path / 'mae.safetensors')
    assert 'has no classifier: give it by --image-checkpoint' in told
    again = ImageViT(dict(SMALL, feedforward_channels=96))
    load_vit(again, tmp_path / 'mae.safetensors')
    assert again.pos_embed.equal(model.pos_embed)


def test_tensors_of_another_patch_are_refused_by_name_and_not_passed_over(tmp_path):
    """As in the released ViT-S, whose patches of 32 cannot hold the autoencoder's of 16."""
    torch.save(dict(model=random_state(dim=24, classes=0, depth=2)), tmp_path / 'mae.pth')
    model = ImageViT(dict(SMALL, feedforward_channels=96), patch_size=32)
    before = model.patch_embed.projection.weight.clone()
    with pytest.raises(CheckpointError, match='patch_embed.projection.weight has shape .*16, 16.*32, 32.*patch_size'):
        load_vit(model, tmp_path / 'mae.pth')
    assert model.patch_embed.projection.weight.equal(before)


def test_a_file_of_another_system_or_width_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r'in.pth: neck.weight \(2,\) is no tensor of MAE-SFER'):
        convert(dict(random_state(dim=24, depth=1), **{'neck.weight': torch.zeros(2)}), 'in.pth')
    with pytest.raises(CheckpointError, match='a width of 24; MAE-SFER was released with widths of 192, 384, 768'):
        convert(random_state(dim=24, depth=1), 'in.pth')


def test_pretraining_on_a_folder_of_faces_makes_a_file_that_an_image_checkpoint_may_be(tmp_path):
    for index in range(4):
        write_picture(tmp_path / 'faces' / str(index % 2) / f'{index}.JPG', index)
    cfg = load_config('image_fer/mae_vitb_faces', {
        'model.backbone': dict(arch=dict(SMALL, _delete_=True), img_size=32, patch_size=8),
        'model.neck': dict(num_patches=16, patch_size=8, embed_dim=24, decoder_embed_dim=16, decoder_depth=1,
                           decoder_num_heads=2), 'model.head.patch_size': 8,
        'train_dataloader.dataset.pipeline.1.scale': 32, 'train_dataloader.dataset.data_root': str(tmp_path / 'faces'),
        'train_dataloader.batch_size': 4, 'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False, 'train_cfg.max_epochs': 1, 'param_scheduler': []})
    cfg.work_dir, cfg.experiment_name = str(tmp_path / 'run'), 'mae_faces'
    cfg.vis_backends = cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    runner, result = running.train_run(cfg)
    assert result == {} and runner.model.backbone.mask_ratio == 0.75
    assert runner.train_dataloader.dataset[0]['inputs'].shape == (3, 32, 32)
    file = str(tmp_path / 'run' / 'epoch_1.pth')
    video = load_config('fe_adapter_vitb_dfew')
    set_image_checkpoint(video, file)
    assert video.model.backbone.init_cfg.checkpoint == file
    tower = AdapterViT(SMALL, img_size=32, patch_size=8, init_cfg=dict(video.model.backbone.init_cfg))
    tower.init_weights()
    own = runner.model.backbone.state_dict()
    assert tower.state_dict().keys() == own.keys()
    assert all(value.equal(own[name]) for name, value in tower.state_dict().items())
    images = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype('float32'))
    with torch.no_grad():
        whole = runner.model.eval().backbone(images, mask=None)[0]
        torch.testing.assert_close(tower.eval()(images), whole[:, 0])


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / 'notes.txt').write_text('no face')
    for folder, message in ((tmp_path, 'holds no image'), (tmp_path / 'none', 'no such folder.*--data-root')):
        with pytest.raises(DatasetError, match=message):
            DATASETS.build(dict(type='FaceFolderDataset', data_root=str(folder), pipeline=[]))


def test_the_recipe_of_fine_tuning_takes_faces_through_its_augmentation_into_a_loss(tmp_path):
    cfg = load_config('image_fer/mae_sfer_vitb_rafdb')
    cfg.model.backbone.update(arch=SMALL)
    cfg.model.head.in_channels = 24
    write_picture(tmp_path / 'face.jpg', 0)
    pipeline = Compose(cfg.train_pipeline)
    np.random.seed(0)
    torch.manual_seed(0)
    items = [pipeline(dict(img_path=str(tmp_path / 'face.jpg'), gt_label=label)) for label in range(7)]
    assert all(item['inputs'].shape == (3, 224, 224) for item in items)
    assert len({item['inputs'].numpy().tobytes() for item in items}) > 3, 'each is drawn anew'
    model = MODELS.build(cfg.model)
    batch = model.data_preprocessor(pseudo_collate(items), training=True)
    assert min(float(sample.gt_score.max()) for sample in batch['data_samples']) < 1           # mixed
    loss, = model(**batch, mode='loss').values()
    scores = torch.stack([sample.gt_score for sample in batch['data_samples']])
    logits = model.head(model.extract_feat(batch['inputs']))
    torch.testing.assert_close(loss, -(scores * logits.log_softmax(-1)).sum(-1).mean())
