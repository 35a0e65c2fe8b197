"""Every config of configs/mix and configs/baselines: its counts at full size, and a run by the command when shrunk."""
import json
import shutil

import pytest
import torch
from mmengine.config import Config

from mmdfer.apis.configs import list_configs
from mmdfer.backbones.freezing import count_parameters
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.runs.log import read_scalars
from mmdfer.weights import is_added, read_checkpoint

from ..commands import command
from ..conftest import ROOT, write_dfew
from .small import CLIP_LINEAR, SIDE, SMALL, clip_shape, path, small_config, small_options

pytestmark = pytest.mark.usefixtures('unpainted')
CLASSES = 7


def linear(inputs, outputs):
    return inputs * outputs + outputs


def conv(inputs, outputs, taps, bias=True):
    return inputs * outputs * taps + bias * outputs


def torchvision_count(build, head):
    """Parameters of torchvision's model without its classifier of 400 or 1000 classes."""
    with torch.device('meta'):
        return count_parameters(build())[1] - head


def c3d():
    widths = [3, 64, 128, 256, 256, 512, 512, 512, 512]
    return sum(conv(a, b, 27) for a, b in zip(widths, widths[1:])) + linear(8192, 4096) + linear(4096, 4096)


def videomae():
    block = 4 * 768 * 768 + 3 * 768 + linear(768, 3072) + linear(3072, 768) + 2 * 2 * 768    # no bias on the keys
    return conv(3, 768, 2 * 16 * 16) + 12 * block + 2 * 768


def timesformer():
    attention = 4 * linear(768, 768) + 2 * 768
    block = 2 * attention + linear(768, 768) + linear(768, 3072) + linear(3072, 768) + 2 * 768
    return conv(3, 768, 16 * 16) + 768 * (1 + 197 + 16) + 12 * block + 2 * 768


def image_vit():
    block = 4 * linear(768, 768) + linear(768, 3072) + linear(3072, 768) + 2 * 2 * 768
    return conv(3, 768, 16 * 16) + 768 * (1 + 197) + 12 * block + 2 * 768


def clip_vit():
    """The image ViT without a bias of the patches and with a norm before the blocks; the projection is not needed."""
    return image_vit() - 768 + 2 * 768


def bottlenecks(width):
    return 12 * (linear(768, width) + linear(width, 768))


def aim():
    """Three bottlenecks a block, the embedding of 16 frames and the last norm, which is CLIP's."""
    return 3 * bottlenecks(192) + 16 * 768 + 2 * 768


def r3d18():
    from torchvision.models.video import r3d_18
    return torchvision_count(r3d_18, linear(512, 400))


def mvit():
    from torchvision.models.video import mvit_v2_s
    return torchvision_count(mvit_v2_s, linear(768, 400))


def resnet50():
    from torchvision.models import resnet50
    return torchvision_count(resnet50, linear(2048, 1000))


def slowonly():
    """ResNet-50 with three taps in time in the first convolutions of the last two stages."""
    inputs = [512] + 5 * [1024] + [1024] + 2 * [2048]
    return resnet50() + 2 * sum(conv(c, 256 if n < 6 else 512, 1, bias=False) for n, c in enumerate(inputs))


def d2_predictors():
    """Three sizes from a 3×3×3 convolution, in each convolution of the last two stages."""
    return sum(conv(c, 3, 27) for c in (128, 256, 256, 256, 256, 512, 512, 512))


def fe_adapters():
    return 12 * (linear(768, 116) + conv(116, 116, 27) + conv(116, 3, 27) + linear(116, 768))


def st_adapters(width, dims):
    return sum(linear(dim, width) + conv(1, width, 3) + linear(width, dim) for dim in dims)


MVIT_WIDTHS = 2 * [96] + 2 * [192] + 11 * [384] + [768]
# What is tunable and what is frozen of each backbone, and the width of its features.
EXPECTED = {
    'mix/videomae_vitb_fe_adapter_dfew': lambda: (fe_adapters(), videomae(), 768),
    'mix/videomae_vitb_st_adapter_dfew': lambda: (st_adapters(384, 12 * [768]), videomae(), 768),
    'mix/timesformer_fe_adapter_dfew': lambda: (fe_adapters(), timesformer(), 768),
    'mix/mvit_small_st_adapter_dfew': lambda: (st_adapters(96, MVIT_WIDTHS), mvit(), 768),
    'mix/adapter_vit_recognizer2d_dfew': lambda: (fe_adapters(), image_vit(), 768),
    'mix/resnet3d18_d2conv3d_dfew': lambda: (r3d18() + d2_predictors(), 0, 512),
    'mix/tsn_r50_dfew': lambda: (resnet50(), 0, 2048),
    'mix/slowonly_r50_dfew': lambda: (slowonly(), 0, 2048),
    'baselines/c3d_dfew': lambda: (c3d(), 0, 4096),
    'baselines/r3d18_dfew': lambda: (r3d18(), 0, 512),
    'baselines/videomae_vitb_dfew': lambda: (videomae(), 0, 768),
    'baselines/timesformer_vitb_dfew': lambda: (timesformer(), 0, 768),
    'baselines/aim_vitb16_dfew': lambda: (aim(), clip_vit() - 2 * 768, 768),
    'baselines/st_adapter_12x384_vitb16_dfew': lambda: (12 * 592_512, clip_vit(), 768),
    'baselines/st_adapter_24x384_vitb16_dfew': lambda: (24 * 592_512, clip_vit(), 768),
    'baselines/s2d_tma_vitb16_dfew': lambda: (12 * 740_928, clip_vit(), 768),
    'baselines/adaptformer_vitb16_dfew': lambda: (bottlenecks(64), clip_vit(), 768),
    'baselines/houlsby_vitb16_dfew': lambda: (2 * bottlenecks(64), clip_vit(), 768),
    'baselines/lora_vitb16_dfew': lambda: (12 * 8 * (768 + 3 * 768), clip_vit(), 768),
    'baselines/linear_probe_vitb16_dfew': lambda: (0, clip_vit(), 768),
    'baselines/full_finetuning_vitb16_dfew': lambda: (clip_vit(), 0, 768),
}


def test_every_config_is_tested():
    """Those with texts are tested beside their recogniser."""
    there = {f'{file.parent.name}/{file.stem}' for folder in ('mix', 'baselines')
             for file in (ROOT / 'configs' / folder).glob('*.py')
             if Config.fromfile(file).model.cls_head.type != 'CLIPTextHead'}
    assert there == set(EXPECTED) == set(SMALL)


TOLD = {config.name: config for config in list_configs(rows=False)}


@pytest.mark.parametrize('name', EXPECTED)
def test_counts_at_full_size(name):
    """What the metafiles tell, which test_every_config.py holds against the models."""
    tunable, frozen, width = EXPECTED[name]()
    head = linear(width, CLASSES)
    assert (TOLD[name].tunable, TOLD[name].total) == (tunable + head, tunable + frozen + head)


@pytest.mark.parametrize('name', EXPECTED)
def test_configs_agree_with_their_data(name):
    cfg = load_config(path(name))
    assert cfg.model.cls_head.num_classes == CLASSES and cfg.model.cls_head.get('average_clips', 'prob') == 'prob'
    assert cfg.val_evaluator.type == 'RecallMetric' and cfg.custom_imports['imports'] == ['mmdfer']
    backbone = cfg.model.backbone.get('backbone', cfg.model.backbone)
    assert not backbone.get('pretrained'), 'a run must not need the network'
    side = 112 if name in ('baselines/c3d_dfew', 'baselines/r3d18_dfew', 'mix/resnet3d18_d2conv3d_dfew') else 224
    assert backbone.get('img_size', side) == side
    for loader in ('train', 'val', 'test'):
        dataset = cfg[f'{loader}_dataloader'].dataset
        steps = {step.type: step for step in dataset.pipeline}
        assert dataset.type == 'DFEWDataset'
        assert steps['FormatShape'].input_format == cfg.model.data_preprocessor.format_shape
        assert (dict(steps['Resize'])['scale'] if loader == 'train' else 2 * (steps['CenterCrop'].crop_size, )) == (
            side, side)
        sampler = steps.get('SampleSegments', steps.get('SampleFrames'))
        assert sampler.get('num_frames', sampler.get('num_clips')) == 16 == backbone.get('num_frames', 16)
        assert sampler.get('test_mode', False) == (loader != 'train')


def stock_state(model):
    """The backbone's weights without the adapters', under the stock model's names."""
    return {key.removeprefix('backbone.'): value for key, value in model.state_dict().items()
            if key.startswith('backbone.') and not is_added(key)}


def three_blocks(name):
    cfg = small_config(name).model
    cfg.backbone.arch = dict(embed_dims=64, num_layers=3, num_heads=4, feedforward_channels=128)
    cfg.cls_head.in_channels = 64
    return MODELS.build(cfg)


@pytest.mark.parametrize('name', CLIP_LINEAR)
def test_a_small_model_on_clips_encoder_learns_two_clips_and_tunes_what_it_should(name):
    torch.manual_seed(0)
    model = three_blocks(name)
    model.init_weights()
    model.cls_head.dropout.p = 0.
    before = {key: value.clone() for key, value in model.state_dict().items()}
    tunable = {key: value for key, value in model.named_parameters() if value.requires_grad}
    optimizer = torch.optim.AdamW(tunable.values(), lr=1e-3, weight_decay=0.)
    clips, losses = torch.randn(clip_shape(name)), []
    for _ in range(6):
        optimizer.zero_grad()
        logits = model.train()(clips[:, None], mode='tensor', stage='head')
        losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor([1, 4])))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    # Patches that change behind the last attention reach no class token: there ST-Adapter learns nothing.
    unread = {key for key in tunable if 'st_adapter' in name and 'layers.2.adapters.st_mlp' in key}
    assert moved == set(tunable) - unread


@pytest.mark.parametrize('name', CLIP_LINEAR)
def test_on_clips_encoder_a_clips_logits_ignore_the_rest_of_the_batch(name):
    torch.manual_seed(0)
    model = three_blocks(name).eval().double()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn_like(parameter)
    clips = torch.randn(clip_shape(name, batch=3)).double()[:, None]
    with torch.no_grad():
        whole, back, alone = (model(x, mode='tensor', stage='head') for x in (clips, clips.flip(0), clips[1:2]))
    torch.testing.assert_close(back.flip(0), whole, rtol=0, atol=1e-9)
    torch.testing.assert_close(alone, whole[1:2], rtol=0, atol=1e-9)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return write_dfew(tmp_path_factory.mktemp('mix') / 'DFEW', train=14, test=7, size=SIDE, folds=(1, ))


# Of CLIP's rows one of each way to tune.
RUN = [name for name in EXPECTED if name not in CLIP_LINEAR or name.split('/')[1].startswith(('aim', 'lora', 'linear'))]


@pytest.mark.slow
@pytest.mark.parametrize('name', RUN)
def test_a_run_by_the_command(name, data, tmp_path):
    """Two steps on four clips from known weights: what is tunable moves, and nothing else."""
    torch.manual_seed(0)
    model = MODELS.build(small_config(name).model)
    model.init_weights()
    tunable = {key for key, parameter in model.named_parameters() if parameter.requires_grad}
    adapted = len(tunable) < len(list(model.named_parameters()))
    start = tmp_path / 'start.pth'
    torch.save(stock_state(model) if adapted else model.state_dict(), start)
    options = dict(small_options(name), **{
        'train_dataloader.batch_size': 2, 'val_dataloader.batch_size': 2, 'train_dataloader.dataset.indices': 4,
        'val_dataloader.dataset.indices': 3, 'train_cfg.max_epochs': 1, 'default_hooks.logger.interval': 1,
        'default_hooks.checkpoint.save_optimizer': False, 'default_hooks.checkpoint.save_best': None,
        'optim_wrapper.accumulative_counts': 1})
    for loader in ('train', 'val'):
        options[f'{loader}_dataloader.num_workers'] = 0
        options[f'{loader}_dataloader.persistent_workers'] = False
    if not adapted:
        options['load_from'] = start
    words = [path(name), '--data-root', data, '--work-dir', tmp_path / 'run', '--no-report']
    words += ['--image-checkpoint', start] if adapted else []
    words += ['--cfg-options', *(f'{key}={value}'.replace(' ', '') for key, value in options.items())]
    done = command('train', *words)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]

    result = json.loads((tmp_path / 'run' / 'result.json').read_text())
    assert (result['tunable'], result['total']) == count_parameters(model) and 0 <= result['uar'] <= 1
    losses = [record['loss'] for record in read_scalars(tmp_path / 'run') if 'loss' in record]
    assert len(losses) == 2 and all(0 < loss < 100 for loss in losses)
    trained, before = read_checkpoint(tmp_path / 'run' / 'epoch_1.pth')['state_dict'], read_checkpoint(start)
    assert set(trained) == set(model.state_dict())
    if adapted:
        before = {f'backbone.{key}': value for key, value in before.items()}
        assert all(torch.equal(trained[key], value) for key, value in before.items() if key not in tunable)
        last = ('conv.weight', ) if 'st_adapter' in name else ('up.weight', 'temporal_embedding')
        starts_at_zero = [key for key in trained if is_added(key) and key.endswith(last)]
        assert starts_at_zero or 'linear_probe' in name
        assert all(trained[key].any() for key in starts_at_zero)
        assert (tmp_path / 'run' / 'last.safetensors').is_file()
    else:
        moved = sum(not torch.equal(trained[key], before[key]) for key in tunable)
        assert moved > 0.9 * len(tunable)
    shutil.rmtree(tmp_path / 'run')                 # C3D's checkpoints are large
