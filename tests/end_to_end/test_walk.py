"""The tools themselves, as a user runs them: train, kill, resume, test, several processes, predict."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from mmdfer.apis.counting import no_initialisers
from mmdfer.apis.inference import DFERInferencer
from mmdfer.apis.launching import free_port
from mmdfer.backbones import AdapterViT
from mmdfer.evaluation import load_predictions
from mmdfer.runs.log import read_scalars
from mmdfer.weights import read_checkpoint

from ..commands import kill_when, pictures_unpainted, python_program, started, together, tool
from ..conftest import ROOT, write_dfew

pytestmark = pytest.mark.slow
CONFIG = 'configs/demo/fe_adapter.py'
OPTIONS = ['epochs=3', 'train_cfg.max_epochs=3', 'train_cfg.val_interval=1', 'train_dataloader.batch_size=4',
           'val_dataloader.batch_size=4', 'test_dataloader.batch_size=4', 'default_hooks.logger.interval=1',
           'train_dataloader.num_workers=1', 'val_dataloader.num_workers=1']


def command(tool, *args):
    return [sys.executable, str(ROOT / 'tools' / tool), *map(str, args)]


def run(argv):
    return tool(os.path.relpath(argv[1], ROOT / 'tools'), *argv[2:])


def succeed(argv):
    done = run(argv)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A data set, an image model, and a finished run."""
    place = tmp_path_factory.mktemp('walk')
    write_dfew(place / 'DFEW', train=14, test=9, size=48)
    torch.manual_seed(0)
    image = AdapterViT(dict(embed_dims=96, num_layers=4, num_heads=4, feedforward_channels=384), img_size=48,
                       patch_size=8, freeze=False)
    torch.save({f'backbone.{key}': value for key, value in image.state_dict().items()}, place / 'image.pth')
    succeed(train_command(place, 'run'))
    return place


def train_command(place, name, *more):
    return command('train.py', CONFIG, '--data-root', place / 'DFEW', '--image-checkpoint', place / 'image.pth',
                   '--work-dir', place / name, *more, '--cfg-options', *OPTIONS)


def losses(work_dir):
    return {record['step']: record['loss'] for record in read_scalars(work_dir) if 'loss' in record}


def result(work_dir):
    return json.loads((work_dir / 'result.json').read_text())


def test_a_run_leaves_what_it_promises(place):
    run_dir = place / 'run'
    names = {path.name for path in run_dir.iterdir()}
    assert {
        'result.json', 'report.html', 'report.md', 'report.json', 'curves.png', 'confusion.png', 'best.pth',
        'best.safetensors', 'last.safetensors', 'epoch_2.pth', 'epoch_3.pth'
    } <= names and 'epoch_1.pth' not in names
    found = result(run_dir)
    assert found['epoch'] == 3 and 0 <= found['uar'] <= 1 and found['tunable'] < found['total']
    assert list(run_dir.glob('*/vis_data/events*')), 'TensorBoard file'
    meta = read_checkpoint(run_dir / 'best.safetensors')['meta']
    assert 'FEAdapter' in meta['cfg'] and meta['image_checkpoint'].endswith('image.pth') and meta['seed'] == 42


def test_training_moves_every_adapter_and_no_frozen_byte(place):
    image, trained = read_checkpoint(place / 'image.pth'), read_checkpoint(place / 'run' / 'epoch_3.pth')['state_dict']
    for name, tensor in image.items():
        assert torch.equal(trained[name], tensor), name
    adapters = {name: tensor for name, tensor in trained.items() if '.adapters.' in name}
    assert len(adapters) == 4 * 8
    assert all(tensor.abs().sum() > 0 for name, tensor in adapters.items() if '.up.' in name)


def test_killed_and_resumed_is_as_never_stopped(place):
    process = started('train', *train_command(place, 'killed')[2:])
    kill_when(process, (place / 'killed' / 'last_checkpoint').exists)
    assert not (place / 'killed' / 'epoch_3.pth').exists()
    output = succeed(train_command(place, 'killed', '--resume', '--no-report'))
    assert 'resumed epoch' in output
    assert losses(place / 'killed') == losses(place / 'run')
    for key in ('uar', 'war', 'epoch', 'best', 'tunable', 'total'):
        assert result(place / 'killed')[key] == result(place / 'run')[key], key
    ours, theirs = (read_checkpoint(place / name / 'epoch_3.pth')['state_dict'] for name in ('killed', 'run'))
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def metrics(place, name, checkpoint, *more):
    succeed(command('test.py', CONFIG, place / 'run' / checkpoint, '--data-root', place / 'DFEW', '--out', place / name,
                    '--work-dir', place / 'test_logs', *more, '--cfg-options', 'test_dataloader.batch_size=4'))
    found = json.loads((place / name / 'metrics.json').read_text())
    return {key: found[key] for key in ('uar', 'war', 'recall/happy')}


def test_either_file_gives_the_numbers_of_training(place):
    full = metrics(place, 'full', 'epoch_3.pth')
    small = metrics(place, 'small', 'last.safetensors', '--image-checkpoint', place / 'image.pth')
    assert full == small
    assert (full['uar'], full['war']) == (result(place / 'run')['uar'], result(place / 'run')['war'])


def test_a_clips_frames_alone_give_the_scores_of_its_test(place):
    """``infer`` on the crops of a clip, and ``test.py`` on the set: one sampling, one reading, one model."""
    metrics(place, 'alone', 'epoch_3.pth')
    tested = load_predictions(place / 'alone' / 'predictions.npz')
    inferencer = DFERInferencer(CONFIG, str(place / 'run' / 'epoch_3.pth'), 'cpu')
    for clip, scores in list(zip(tested.ids, tested.scores))[:3]:
        frames = place / 'DFEW' / 'Clip' / 'clip_224x224' / f'{int(clip):05d}'
        found = inferencer(str(frames), region='frame')
        assert len(found['windows']) == 1
        np.testing.assert_allclose(found['windows'][0]['probabilities'], scores, rtol=0, atol=1e-5)


def test_two_processes_give_the_numbers_of_one(place):
    one = metrics(place, 'full', 'epoch_3.pth')
    together(2, 'test', CONFIG, place / 'run' / 'epoch_3.pth', '--data-root', place / 'DFEW', '--out', place / 'dist',
             '--work-dir', place / 'test_logs', '--cfg-options', 'test_dataloader.batch_size=4')
    two = json.loads((place / 'dist' / 'metrics.json').read_text())
    assert {key: two[key] for key in one} == one


def test_training_in_two_processes(place):
    argv = ['bash', 'tools/dist_train.sh', CONFIG, '2', '--data-root', str(place / 'DFEW'), '--image-checkpoint',
            str(place / 'image.pth'), '--work-dir', str(place / 'dist_run'), '--no-report', '--cfg-options',
            *OPTIONS, 'train_dataloader.batch_size=2', 'train_cfg.max_epochs=1']
    with python_program(place) as python:                       # torchrun itself, in a copy of this process, as its two
        environment = dict(os.environ, PYTHON=python, PYTHON_EXEC=python, OMP_NUM_THREADS='1', MASTER_ADDR='127.0.0.1',
                           PORT=str(free_port()))
        done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    trained = result(place / 'dist_run')
    succeed(command('test.py', CONFIG, place / 'dist_run' / 'epoch_1.pth', '--data-root', place / 'DFEW', '--out',
                    place / 'dist_one', '--work-dir', place / 'test_logs'))
    alone = json.loads((place / 'dist_one' / 'metrics.json').read_text())
    assert (trained['uar'], trained['war']) == (alone['uar'], alone['war'])


def test_infer_on_real_videos(place, tmp_path, faces):
    videos = tmp_path / 'videos'
    videos.mkdir()
    for name in ('single_face.mp4', 'no_face.mp4', 'multi_face.jpg'):
        (videos / name).symlink_to(faces / name)
    argv = command('infer.py', CONFIG, place / 'run' / 'last.safetensors', videos, '--image-checkpoint',
                   place / 'image.pth', '--out', place / 'out', '--window', 1)
    succeed(argv)
    found = json.loads((place / 'out' / 'single_face.json').read_text())
    assert found['frames'] == 72 and found['duration'] == pytest.approx(72 / 30, abs=0.05)
    assert len(found['windows']) > 1
    assert found['windows'][0]['start'] == 0 and found['windows'][-1]['end'] == pytest.approx(
        found['duration'], abs=0.01)
    for window in found['windows']:
        assert sum(window['probabilities']) == pytest.approx(1, abs=1e-4)
    mean = [sum(column) / len(found['windows']) for column in zip(*(w['probabilities'] for w in found['windows']))]
    assert mean == pytest.approx(found['clip']['probabilities'], abs=1e-5)
    assert found['region'] == 'faces' and [len(track['frames']) for track in found['tracks']] == [72]
    scene = json.loads((place / 'out' / 'no_face.json').read_text())
    assert scene['tracks'] == scene['windows'] == [] and scene['clip'] is None
    assert scene['no_face'] == [[0, pytest.approx(scene['duration'], abs=0.01)]
                                ] and 'Nobody is seen' in scene['notes'][0]
    assert {'single_face.json', 'no_face.json', 'single_face.png'} <= {
        path.name for path in (place / 'out').iterdir()}


def error_of(argv):
    done = run(argv)
    assert done.returncode == 2, done.stdout[-2000:] + done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith('error: ')]
    assert len(lines) == 1 and 'Traceback' not in done.stderr, done.stderr[-3000:]
    return lines[0]


@pytest.mark.parametrize('args, message', [
    (['--data-root', '/no/such'], "data_root='/no/such': no such folder"),
    (['--fold', '6'], 'fold=6 does not exist'),
    (['--cfg-options', 'model.backbone.adapters.fe.slot=before_mlp'], "slot='before_mlp'"),
    (['--cfg-options', 'model.backbone.adapters.fe.blocks=3-9'], "'3-9' is outside the 4 blocks"),
    (['--cfg-options', 'model.cls_head.num_classes=11'], 'num_classes=11'),
    (['--cfg-options', 'model.backbone.patch_size=16'], 'another architecture'),
    (['--image-checkpoint', '/no/such.pth'], '/no/such.pth: no such file'),
])
def test_mistakes_in_training_are_one_line(place, args, message):
    argv = train_command(place, 'mistake')
    cut = argv.index('--cfg-options')
    if args[0] == '--cfg-options':
        argv = argv + args[1:]
    else:
        argv = argv[:cut] + args + argv[cut:]
    assert message in error_of(argv)


def test_unreadable_clips_stop_evaluation_and_are_counted_in_training(place, tmp_path):
    root = write_dfew(tmp_path / 'DFEW', train=14, test=7, size=48, folds=(1, ))
    frame = root / 'Clip' / 'clip_224x224' / '00005' / '00001.jpg'
    for path in frame.parent.iterdir():
        path.write_bytes(path.read_bytes()[:200])
    argv = train_command(place, 'bad', '--no-report')
    argv[argv.index('--data-root') + 1] = str(root)
    argv += ['train_cfg.max_epochs=1']
    assert '00005' in error_of(argv) and 'cut short' in error_of(argv)
    cut = argv.index('--cfg-options')
    output = succeed(argv[:cut] + ['--skip-bad-clips'] + argv[cut:])
    assert '1 clips could not be read and were replaced by others so far: 5' in output
    assert (place / 'bad' / 'bad_clips.tsv').read_text().startswith('5\t')


@pytest.mark.parametrize('options, message', [
    (['model.backbone.adapters.fe.width=8'], 'another architecture'),
    (['model.backbone.adapters.fe.slot=after_ffn'], 'was trained in before_attn, the config has it in after_ffn'),
])
def test_a_checkpoint_of_another_architecture_is_refused(place, options, message):
    assert message in error_of(command('test.py', CONFIG, place / 'run' / 'epoch_3.pth', '--data-root', place / 'DFEW',
                                       '--work-dir', place / 'test_logs', '--cfg-options', *options))


def test_a_bad_video_is_named_after_the_others_are_done(place, tmp_path, faces):
    videos = tmp_path / 'videos'
    videos.mkdir()
    (videos / 'bad.mp4').write_bytes(b'nothing')
    (videos / 'good.mp4').write_bytes((faces / 'single_face.mp4').read_bytes())
    message = error_of(command('infer.py', CONFIG, place / 'run' / 'epoch_3.pth', videos, '--image-checkpoint',
                               place / 'image.pth', '--out', tmp_path / 'out'))
    assert '1 of 2 inputs' in message and 'bad.mp4' in message
    assert (tmp_path / 'out' / 'good.json').exists()


def test_one_step_of_the_full_size_config(tmp_path):
    """The product itself by the tool: ViT-B/16 on 224x224, a clip of each loader, 2 of the config's 16 frames."""
    root = write_dfew(tmp_path / 'DFEW', train=7, test=7, frames=3, size=224, folds=(1, ))
    torch.manual_seed(0)
    with no_initialisers():
        image = AdapterViT('base')
    noise = torch.empty(2**22).uniform_(-0.04, 0.04)            # drawn once, for 86 million
    for parameter in image.parameters():
        begin = int(torch.randint(2**20, ()))
        parameter.data = noise[begin:begin + parameter.numel()].view(parameter.shape)
    torch.save({name: tensor.clone() for name, tensor in image.state_dict().items()}, tmp_path / 'image.pth')
    loaders = ('train', 'val')
    with pictures_unpainted():
        succeed(command(
            'train.py', 'configs/fe_adapter_vitb_dfew.py', '--data-root', root, '--fold', 1, '--image-checkpoint',
            tmp_path / 'image.pth', '--work-dir', tmp_path / 'run', '--no-report', '--cfg-options',
            'train_cfg.max_epochs=1', 'train_dataloader.batch_size=1', 'default_hooks.checkpoint.save_best=None',
            *(f'{loader}_dataloader.{entry}' for loader in loaders for entry in (
                'dataset.pipeline.1.num_frames=2', 'dataset.indices=1', 'num_workers=0', 'persistent_workers=False'))))
    image = read_checkpoint(tmp_path / 'image.pth')
    trained = read_checkpoint(tmp_path / 'run' / 'epoch_1.pth')['state_dict']
    assert all(torch.equal(trained[f'backbone.{name}'], tensor) for name, tensor in image.items())
    ups = {name: tensor for name, tensor in trained.items() if '.adapters.' in name and '.up.weight' in name}
    assert len(ups) == 12 and all(tensor.abs().sum() > 0 for tensor in ups.values())
    assert json.loads((tmp_path / 'run' / 'result.json').read_text())['tunable'] == 6_622_644 + 7 * 769
    assert (tmp_path / 'run' / 'last.safetensors').stat().st_size <= 27e6
