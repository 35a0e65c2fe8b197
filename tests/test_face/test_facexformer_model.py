"""FaceXFormer run from a checkout in an environment of its own: what goes there, what comes back, what is refused."""
import stat
import sys

import numpy as np
import pytest
import torch

from mmdfer.face import facexformer_worker as worker
from mmdfer.face.analysis import FaceFinder
from mmdfer.face.facexformer_model import FaceXFormerModel, cut_out
from mmdfer.preparation.face_task import Task

SIZE = (120, 200)
BOX = (60., 40., 100., 80.)                                 # enlarged by half: 50, 30 to 110, 90

# A package as the release's: its class, its file's key, its eight outputs, each of the images of its task alone.
CHECKOUT = '''
import torch

class FaceXFormer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, labels, tasks):
        print('the release prints on its standard output')
        assert labels['landmark'].shape == (len(x), 68, 2) and not self.training
        means = self.gain * x.mean(dim=(2, 3))
        landmarks = torch.cat([means, torch.zeros(len(x), 133)], dim=1)[tasks == 1]
        parts = torch.zeros(len(x), 11, 224, 224)
        parts[:, 10] = x[:, 0]
        nothing = torch.zeros(0)
        return (landmarks, *[nothing] * 6, parts[tasks == 0])
'''


class OneBox(FaceFinder):
    """The same box in every frame but black ones."""

    def detect(self, frame):
        return np.array([BOX]) if frame.any() else np.empty((0, 4))


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp('facexformer')
    (place / 'checkout/network').mkdir(parents=True)
    (place / 'checkout/network/__init__.py').write_text(CHECKOUT)
    torch.save(dict(state_dict_backbone=dict(gain=torch.tensor([2.]))), place / 'weights.pt')
    return place


def clip():
    """Five frames, brighter from left to right, the second without a face."""
    ramp = np.minimum(2 * np.arange(SIZE[1]), 250).astype(np.uint8)[None, :, None]
    frames = [np.tile(ramp, (SIZE[0], 1, 3)) + np.uint8(index) for index in range(5)]
    frames[1] = np.zeros((*SIZE, 3), np.uint8)
    return frames


def test_crops_go_to_the_other_environment_and_outputs_come_back(place):
    """With real torch there: normalised as ImageNet's, every task's own outputs, printing that does no harm."""
    finder = FaceXFormerModel(str(place / 'checkout'), str(place / 'weights.pt'), sys.executable, batch_size=3,
                              detector=f'{__name__}.OneBox')
    frames = clip()
    faces = finder.read('one', frames, ('landmarks', 'parsing'))
    assert faces.state.tolist() == [0, 1, 0, 0, 0] and faces.source == dict(landmarks='FaceXFormer',
                                                                            parsing='FaceXFormer')
    crop = cut_out(frames[2], np.array([50, 30, 110, 90])) / 255
    mean = 2 * (crop.mean(axis=(0, 1)) - worker.MEAN) / worker.STD
    # The first point's x is the mean red, its y the mean green, over the crop of 60 pixels.
    np.testing.assert_allclose(faces.landmarks[2, 0], (50, 30) + (mean[:2] + 1) / 2 * 60, rtol=1e-4)
    bright = crop[..., 0] > worker.MEAN[0]
    np.testing.assert_array_equal(faces.parsing[2] == 10, bright)
    assert 0.01 < bright.mean() < 0.99
    again = finder.ask(np.stack([cut_out(frames[2], np.array([50, 30, 110, 90]))]))       # the same process
    np.testing.assert_allclose(again['landmarks'][0, :3], mean, rtol=1e-4)
    process = finder._process
    del finder
    assert process.wait(10) == 0


@pytest.fixture
def played(place, tmp_path):
    """A checkout's finder whose interpreter is a short script that answers as it is told."""

    def play(script):
        program = tmp_path / 'python'
        program.write_text(f'#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(place)!r})\n'
                           f'sys.argv[1:] = sys.argv[2:]\nimport importlib.util as util\n'
                           f'spec = util.spec_from_file_location("worker", {worker.__file__!r})\n'
                           'worker = util.module_from_spec(spec)\nspec.loader.exec_module(worker)\n'
                           f'out = sys.stdout.buffer\n{script}')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return FaceXFormerModel(str(place / 'checkout'), str(place / 'weights.pt'), str(program),
                                detector=f'{__name__}.OneBox')

    return play


HELLO = 'worker.write_message(out, dict(protocol=1))\n'
ANSWER = 'import numpy as np\n' + HELLO + 'worker.read_message(sys.stdin.buffer)\nworker.write_message(out, dict(%s))\n'


@pytest.mark.parametrize('script, message', [
    ('sys.exit("no CUDA here")', 'its process ended .*: no CUDA here$'),
    ('out.write(b"Traceback (most recent")', 'its process ended|is no message of its protocol'),
    ('out.write(bytes(7) + bytes([4]) + b"npz?")', 'what came back is no message of its protocol'),
    ('worker.write_message(out, dict(protocol=7))', 'speaks protocol 7, not 1'),
    ('worker.write_message(out, dict(error="ModuleNotFoundError: No module named timm"))',
     'in .*checkout: ModuleNotFoundError: No module named timm; give the interpreter of the environment'),
    ('worker.write_message(out, dict(error="UnpicklingError: ... weights_only ..."))', 'trust=True reads them'),
    (ANSWER % 'landmarks=np.zeros((2, 136))', r'expected landmarks of shape \(1, 136\) for 1 crops, got \(2, 136\)'),
    (ANSWER % 'landmarks=np.zeros((1, 136))', r'expected parsing of shape \(1, 224, 224\) .*, got nothing'),
    (ANSWER % 'landmarks=np.full((1, 136), np.nan), parsing=np.zeros((1, 224, 224), np.uint8)', 'are no numbers'),
    (ANSWER % 'landmarks=np.zeros((1, 136)), parsing=np.full((1, 224, 224), 19, np.uint8)', 'over 10; are the weights'),
])
def test_an_answer_that_is_none_is_told_in_a_line(played, script, message):
    with pytest.raises(ValueError, match=message):
        played(script).ask(np.zeros((1, 224, 224, 3), np.uint8))


@pytest.mark.parametrize('changes, message', [
    (dict(checkout='/no/such'), 'checkout=/no/such: has no package "network"; give the folder that its repository'),
    (dict(weights='/no/such.pt'), 'weights=/no/such.pt: no such file'),
    (dict(python='/no/python'), 'python=/no/python: is no program; give the interpreter of the environment'),
    (dict(batch_size=0), 'batch_size=0: expected at least 1'),
])
def test_what_is_not_there_is_told_before_anything_starts(place, changes, message):
    settings = dict(type='FaceXFormer', checkout=str(place / 'checkout'), weights=str(place / 'weights.pt'))
    assert Task(('landmarks', 'parsing'), settings).source() == dict(landmarks='FaceXFormer', parsing='FaceXFormer')
    with pytest.raises(ValueError, match=message):
        Task(('landmarks', 'parsing'), dict(settings, **changes))
