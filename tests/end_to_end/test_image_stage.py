"""The image stage by its own configs: fine-tune a small ViT, then read its best.pth in the video backbone."""
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.models.backbones import VisionTransformer

from mmdfer.backbones import AdapterViT, ImageViT
from mmdfer.run_config import flow_classes
from mmdfer.weights import load_vit, read_checkpoint

from ..commands import tool
from ..conftest import ROOT
from ..test_datasets.test_affectnet import line, write_lists, write_picture
from ..test_datasets.test_ferplus import USAGES, write_ferplus

pytestmark = pytest.mark.usefixtures('unpainted')
CONFIGS = ROOT / 'configs' / 'image_fer'
ARCH = dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48)
# The real config around a narrow ViT, on few images.
SMALL = """
_base_ = ['{base}']
model = dict(
    backbone=dict(arch=dict(_delete_=True, **{arch})), head=dict(in_channels=24))
train_cfg = dict(max_epochs=1)
train_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False)
val_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False)
test_dataloader = dict(batch_size=4, num_workers=0, persistent_workers=False)
"""


def write_affectnet(root):
    for part in ('training', 'validation'):
        names = [f'{part}/{index}.jpg' for index in range(8)]
        for index, name in enumerate(names):
            write_picture(root / 'Manually_Annotated_Images' / name, index)
        write_lists(root / part, rows=[line(name, index) for index, name in enumerate(names)])
        (root / part / f'{part}.csv').rename(root / f'{part}.csv')
    return root


def write_rafdb(root):
    lines = []
    for index in range(14):
        name = f'{"train" if index < 7 else "test"}_{index:05d}'
        write_picture(root / 'Image' / 'aligned' / f'{name}_aligned.jpg', index)
        lines.append(f'{name}.jpg {index % 7 + 1}')
    (root / 'EmoLabel').mkdir()
    (root / 'EmoLabel' / 'list_patition_label.txt').write_text('\n'.join(lines) + '\n')
    return root


def write_all_votes(root):
    rows = [tuple(10 if place == label else 0 for place in range(10)) for label in range(8) for _ in USAGES]
    return write_ferplus(root, rows)


def config(tmp_path, name):
    path = tmp_path / f'{name}.py'
    path.write_text(SMALL.format(base=CONFIGS / f'{name}.py', arch=ARCH))
    return path


def run(*args):
    return tool('train.py', *args)


@pytest.mark.parametrize('name, classes', [('vitb_affectnet', 8), ('vitb_affectnet7', 7), ('vitb_rafdb', 7),
                                           ('vitb_ferplus', 8)])
def test_configs_agree_with_themselves(name, classes):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    flow_classes(cfg)
    assert cfg.model.head.num_classes == cfg.model.data_preprocessor.num_classes == classes
    assert cfg.default_scope == 'mmaction' and cfg.default_hooks.checkpoint.save_best == 'uar'
    assert cfg.model.backbone.arch == 'base'
    cfg.model.head.num_classes = 5
    with pytest.raises(ValueError, match=f'num_classes=5, .* has {classes} classes'):
        flow_classes(cfg)


def test_image_vit_is_mmpretrains():
    torch.manual_seed(0)
    ours = ImageViT('tiny', img_size=32, patch_size=16)
    theirs = VisionTransformer('deit-tiny', img_size=32, patch_size=16)
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, 3, 32, 32)
    ours.eval(), theirs.eval()
    assert torch.equal(ours(images)[0], theirs(images)[0]) and len(ours(images)) == 1
    with pytest.raises(ValueError, match="arch='giant' is not known"):
        ImageViT('giant')


@pytest.mark.slow
@pytest.mark.parametrize('name, write, classes', [
    ('vitb_affectnet', write_affectnet, 8),
    ('vitb_rafdb', write_rafdb, 7),
    ('vitb_ferplus', write_all_votes, 8),
])
def test_train_and_hand_over(tmp_path, name, write, classes):
    timm = pytest.importorskip('timm')
    start = timm.models.vision_transformer.VisionTransformer(embed_dim=24, depth=2, num_heads=4, mlp_ratio=2)
    torch.save(dict(model=start.state_dict()), tmp_path / 'timm.pth')
    done = run(config(tmp_path, name), '--data-root', write(tmp_path / 'data'), '--image-checkpoint',
               tmp_path / 'timm.pth', '--work-dir', tmp_path / 'run')
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    assert 'timm/MAE/DeiT/DINO format' in output and 'head of 1000 outputs' in output
    assert 'Failed to search registry' not in output
    result = json.loads((tmp_path / 'run' / 'result.json').read_text())
    assert 0 <= result['uar'] <= 1 and result['tunable'] == result['total']

    state = read_checkpoint(tmp_path / 'run' / 'best.pth')['state_dict']
    assert state['head.fc.weight'].shape == (classes, 24)
    moved = (state['backbone.layers.1.ffn.layers.1.weight'] - start.state_dict()['blocks.1.mlp.fc2.weight']).abs().max()
    assert 0 < moved < 1e-2, 'trained from the given file'
    # mmpretrain's own ViT with these weights, image by image, against the video backbone over a clip of them
    theirs = VisionTransformer(ARCH, img_size=224, patch_size=16)
    prefix = 'backbone.'
    theirs.load_state_dict({key[len(prefix):]: value for key, value in state.items() if key.startswith(prefix)})
    theirs.eval()
    ours = AdapterViT(ARCH, adapters=[dict(type='FEAdapter', slot='before_attn', width=4)]).eval()
    report = load_vit(ours, tmp_path / 'run' / 'best.pth')
    assert report.unexpected == ['head.fc.weight', 'head.fc.bias']
    frames = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 3, 224, 224)).astype('float32'))
    with torch.no_grad():
        expected = torch.stack([theirs(frames[:, :, index])[0] for index in range(3)], dim=1)
        torch.testing.assert_close(ours(frames), expected, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('args, message', [
    (['--data-root', '/no/such'], "data_root='/no/such': no such folder"),
    (['--cfg-options', 'train_dataloader.dataset.dataset.target=soft'], "target='soft' does not exist"),
])
def test_mistakes_are_one_line(tmp_path, args, message):
    done = run(config(tmp_path, 'vitb_ferplus'), '--work-dir', tmp_path / 'run',
               *([] if args[0] == '--data-root' else ['--data-root', write_all_votes(tmp_path / 'data')]), *args)
    assert done.returncode == 2, done.stderr[-3000:]
    errors = [line for line in done.stderr.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1 and message in errors[0] and 'Traceback' not in done.stderr
