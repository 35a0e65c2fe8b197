"""The code of the guides runs: files are written, the rest is executed in order, commands are run on small videos."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmdfer.registry import DATASETS, MODALITIES, MODELS

from ..commands import shell_command
from ..conftest import ROOT, SHARED_FACES

GUIDES = ROOT / 'projects' / 'guides'
BLOCK = re.compile(r'^```(\w+)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
OWN = {DATASETS: ['StreetFacesDataset'], MODALITIES: ['SoundModality'], MODELS: ['ShiftAdapter', 'SoundEncoder']}


def blocks(name: str) -> list[tuple[str, str]]:
    """Language and text of each block of a guide."""
    return BLOCK.findall((GUIDES / name).read_text(encoding='utf-8'))


def write_files(name: str, folder: Path) -> list[str]:
    """Write a guide's files; the other Python blocks, in order."""
    rest = []
    for language, text in blocks(name):
        if language != 'python':
            continue
        first, _, body = text.partition('\n')
        if first.startswith('# file: '):
            (folder / first.removeprefix('# file: ')).write_text(body, encoding='utf-8')
        else:
            rest.append(text)
    return rest


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder from which modules are imported; what is registered there is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], '__file__', '')).startswith(str(tmp_path)):
            del sys.modules[module]
    for registry, names in OWN.items():
        for name in names:
            registry.module_dict.pop(name, None)


@pytest.mark.parametrize('guide', [
    'add_an_adapter.md', 'add_a_data_set.md', 'add_a_modality.md', 'add_a_figure.md', 'own_videos.md'])
def test_the_code_of_a_guide_runs(place, guide):
    code = write_files(guide, place)
    assert code
    namespace: dict = {}
    for text in code:
        exec(compile(text, guide, 'exec'), namespace)


@pytest.mark.parametrize('guide, config',
                         [('add_an_adapter.md', 'shift_config.py'), ('add_a_data_set.md', 'street_config.py'),
                                           ('add_a_modality.md', 'sound_config.py'),
                                           ('my_own_labelled_videos.md', 'my_config.py')])
def test_the_config_of_a_guide_reads_and_its_classes_flow(place, guide, config):
    from mmdfer.run_config import flow_classes, load_config
    write_files(guide, place)
    cfg = load_config(str(place / config))
    assert flow_classes(cfg)


def write_videos(root: Path) -> None:
    """Eight pieces of a real face video, sorted into splits and classes, and one more."""
    import av

    from mmdfer.datasets.video_reader import VideoReader
    frames = VideoReader(SHARED_FACES / 'single_face.mp4').frames(range(0, 72, 2))
    places = [f'my_videos/{split}/{name}/{number}.mp4' for split in ('train', 'val') for name in ('happy', 'sad')
              for number in range(2)] + ['new_video.mp4']
    for number, place in enumerate(places):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(root / place), 'w') as out:
            stream = out.add_stream('libx264', rate=25)
            stream.width, stream.height, stream.pix_fmt = 320, 180, 'yuv420p'
            for frame in frames[number:number + 20]:
                picture = av.VideoFrame.from_ndarray(frame, format='rgb24').reformat(320, 180, 'yuv420p')
                out.mux(stream.encode(picture))
            out.mux(stream.encode(None))


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_FACES.is_dir(), reason='the shared face videos are not here')
def test_ones_own_labelled_videos_go_from_folder_to_prediction(place):
    pytest.importorskip('mediapipe')
    write_videos(place)
    guide = 'my_own_labelled_videos.md'
    write_files(guide, place)
    config = place / 'my_config.py'
    text = config.read_text().replace("width=116))))", "width=8)), "
                                      "arch=dict(_delete_=True, embed_dims=24, num_layers=1, num_heads=2, "
                                      "feedforward_channels=48), init_cfg=None), cls_head=dict(in_channels=24))")
    assert 'embed_dims=24' in text
    config.write_text(text + 'train_cfg = dict(max_epochs=1)\n')
    script = '\n'.join(body for language, body in blocks(guide) if language == 'bash')
    loaders = ' '.join(f'{name}_dataloader.{key}' for name in ('train', 'val', 'test')
                       for key in ('num_workers=0', 'persistent_workers=False', 'batch_size=2'))
    script = script.replace('--image-checkpoint vitb.pth ', '').replace(
        '--work-dir work_dirs/mine', f'--no-report --work-dir work_dirs/mine --cfg-options {loaders}')
    script = script.replace('best.safetensors',
                            'best.pth')               # the tower is random: the whole file is needed
    (place / 'bin').mkdir()
    with shell_command(place / 'bin'):
        done = subprocess.run(['bash', '-euo', 'pipefail', '-c', script], cwd=place, capture_output=True, text=True,
                              env=dict(os.environ, PATH=f'{place / "bin"}{os.pathsep}{os.environ["PATH"]}'))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    crops = sorted(path.parent.name for path in (place / 'my_faces').rglob('00001.jpg'))
    assert len(crops) == 8
    assert (place / 'out' / 'new_video.json').is_file() and (place / 'work_dirs' / 'mine' / 'result.json').is_file()
