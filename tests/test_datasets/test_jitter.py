"""ClipColorJitter is MMAction2's ColorJitter with the same factors in the same order, and leaves its input alone."""
import importlib
import itertools

import cv2
import numpy as np
import pytest
from mmaction.datasets.transforms import ColorJitter

from mmdfer.datasets.transforms import ClipColorJitter
from mmdfer.datasets.transforms.jitter import CompiledTurn, Turn, compiled_hues, jitter

module = importlib.import_module('mmdfer.datasets.transforms.jitter')         # the package has it by another name
ORDERS = list(itertools.permutations(range(4)))


@pytest.fixture(scope='module')
def frames():
    # 64 pixels are whole vectors of OpenCV's turn of the hue: it cuts levels off there, and rounds those left of a row.
    rng = np.random.default_rng(0)
    smooth = [cv2.resize(rng.integers(0, 255, (7, 6, 3), dtype=np.uint8), (64, 48), interpolation=cv2.INTER_CUBIC)
              for _ in range(2)]
    return [np.clip(frame + rng.normal(0, 5, frame.shape), 0, 255).astype(np.uint8) for frame in smooth]


def stock(frames, factors, order):
    transform = ColorJitter(*[(factor, factor) for factor in factors[:3]], hue=(factors[3], factors[3]))
    transform.fn_idx = order
    return np.stack(transform.transform(dict(imgs=[frame.copy() for frame in frames]))['imgs'])


@pytest.fixture(params=['compiled', 'OpenCV'])
def way(request, monkeypatch):
    if request.param == 'OpenCV':
        monkeypatch.setattr(module, 'compiled_hues', lambda: None)
    else:
        assert compiled_hues() is not None
    return request.param


@pytest.mark.parametrize('order', ORDERS, ids=lambda order: ''.join(map(str, order)))
def test_equals_the_stock_transform(frames, order, way):
    rng = np.random.default_rng(ORDERS.index(order))
    for _ in range(4):
        factors = [*rng.uniform(0.6, 1.4, 3), rng.uniform(-0.1, 0.1)]
        without = [*factors[:3], 0]
        assert np.abs(jitter(frames, without, order).astype(int) - stock(frames, without, order)).max() <= 1
        # A grey level more or less before the turn of the hue may be a step of 2 degrees after it.
        error = np.abs(jitter(frames, factors, order).astype(int) - stock(frames, factors, order))
        assert error.mean() < 0.4 and (error > 2).mean() < 0.03 and error.max() <= 24


def test_mean_colours_are_those_of_the_stock_transform(frames, way):
    """Fractions are cut off, not rounded: half a level over a training run is a shift of its own."""
    rng, bias = np.random.default_rng(7), []
    for order in ORDERS:
        factors = [*rng.uniform(0.7, 1.3, 2), rng.uniform(0.8, 1.2), rng.uniform(-0.05, 0.05)]
        bias.append(jitter(frames, factors, order).mean() - stock(frames, factors, order).mean())
    assert abs(np.mean(bias)) < 0.05


@pytest.mark.parametrize('shift', [*range(-127, 128, 23), -1, 0, 1, 12])
def test_the_hue_turns_by_whole_steps_of_the_circle(shift):
    # 32 pixels are a vector of OpenCV's, whose last levels are cut off; it rounds those of the rest of a row.
    colours = np.stack(np.meshgrid(*[np.arange(0, 256, 17, dtype=np.uint8)] * 3), axis=-1).reshape(-1, 32, 3)
    hsv = cv2.cvtColor(colours, cv2.COLOR_RGB2HSV).astype(int)
    hsv[..., 0] = (hsv[..., 0] + shift) % 180
    expected = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    found = np.empty_like(colours)
    Turn(None, shift, colours.shape)(colours, found)
    np.testing.assert_array_equal(found, expected)
    CompiledTurn(None, shift, colours.shape)(colours, found)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found != expected).mean() < 0.15                    # levels that are whole, to float32


def test_widths_that_are_no_whole_vectors(frames):
    """A row's rest and a frame of one pixel go the same way as the others."""
    narrow = [np.ascontiguousarray(frame[:, :37]) for frame in frames]
    for one in (narrow, [frame[:1, :1] for frame in frames]):
        error = np.abs(jitter(one, [1, 1, 1, 0.05], range(4)).astype(int) - stock(one, [1, 1, 1, 0.05], range(4)))
        assert error.max() <= 1


def test_factors_are_drawn_once_a_clip_and_cover_their_ranges(frames):
    transform, seen = ClipColorJitter(0.3, (0.5, 0.6), 0, 0), []
    for seed in range(60):
        np.random.seed(seed)
        flat = [np.full((4, 4, 3), 100, np.uint8)] * 3
        found = transform.transform(dict(imgs=flat))['imgs']
        assert (found == found[:1]).all() and found.shape == (3, 4, 4, 3) and found.dtype == np.uint8
        seen.append(int(found[0, 0, 0, 0]))
    assert min(seen) < 75 and max(seen) > 125 and min(seen) >= 69 and max(seen) <= 130


def test_order_is_drawn_anew(frames):
    transform = ClipColorJitter((1.3, 1.3), (1.3, 1.3), (0.7, 0.7), (0.1, 0.1))
    found = set()
    for seed in range(40):
        np.random.seed(seed)
        found.add(transform.transform(dict(imgs=frames))['imgs'].tobytes())
    assert len(found) > 4


def test_input_stays_as_it_is(frames, way):
    kept = [frame.copy() for frame in frames]
    for frame in kept:
        frame.flags.writeable = False
    for factors in ([1.2, 0.8, 1.1, 0.05], [1, 1, 1, 0.05], [1, 1, 1, 0], [1.2, 1, 1, 0]):
        jitter(kept, factors, (0, 1, 2, 3))
    np.testing.assert_array_equal(jitter(frames, [1, 1, 1, 0], (0, 1, 2, 3)), np.stack(kept))


@pytest.mark.parametrize('option, message', [(dict(brightness=1.5), 'brightness=1.5; expected 0 to 1'),
                                             (dict(hue=-0.1), 'hue=-0.1; expected 0 to 0.5')])
def test_ranges_are_checked(option, message):
    with pytest.raises(ValueError, match=message):
        ClipColorJitter(**option)
