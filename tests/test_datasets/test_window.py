"""Windows lie where the masked-autoencoder line puts them, in the clip and padded with its last frame."""
import numpy as np
import pytest

from mmdfer.datasets.transforms import ClipDecode, ClipInit, SampleWindow

from ..conftest import write_clip


def frames(total, start_index=0, **kwargs):
    results = SampleWindow(**kwargs)(dict(total_frames=total, start_index=start_index))
    assert results['clip_len'] == kwargs.get('num_frames', 16)
    assert results['num_clips'] == kwargs.get('num_windows', 1)
    return results['frame_inds'].reshape(results['num_clips'], -1).tolist()


@pytest.mark.parametrize('total, stride', [(61, 4), (62, 4), (200, 4), (16, 1), (47, 1)])
def test_training_windows_lie_anywhere_in_the_clip(total, stride):
    starts = set()
    for seed in range(1500):
        np.random.seed(seed)
        window = np.array(frames(total, 7, stride=stride)[0]) - 7
        assert (np.diff(window) == stride).all() and window[0] >= 0 and window[-1] < total
        starts.add(window[0])
    assert starts == set(range(total - 15 * stride))


def test_one_test_window_is_in_the_middle():
    assert frames(100, test_mode=True) == [list(range(19, 80, 4))]
    assert frames(61, test_mode=True) == [list(range(0, 61, 4))]


@pytest.mark.parametrize('windows', [2, 3, 5])
def test_several_test_windows_reach_from_the_first_frame_to_the_last(windows):
    found = np.array(frames(141, num_windows=windows, test_mode=True))
    assert found[0, 0] == 0 and found[-1, -1] == 140
    assert (np.diff(found[:, 0]) == 80 / (windows - 1)).all() and (np.diff(found, axis=1) == 4).all()


@pytest.mark.parametrize('test_mode', [True, False])
@pytest.mark.parametrize('total', [1, 16, 37, 60])
def test_short_clips_are_padded_with_their_last_frame(total, test_mode):
    whole = [min(frame, total - 1) for frame in range(0, 61, 4)]
    assert frames(total, test_mode=test_mode) == [whole]
    assert frames(total, 3, test_mode=True, num_windows=2) == [[frame + 3 for frame in whole]] * 2


def test_the_chosen_frames_are_read(tmp_path):
    write_clip(tmp_path / 'clip', 40)
    results = ClipDecode()(SampleWindow(4, 3, 2, test_mode=True)(ClipInit()(dict(
        clip=str(tmp_path / 'clip'), modality='RGB'))))
    assert results['frame_inds'].tolist() == [0, 3, 6, 9, 30, 33, 36, 39]
    np.testing.assert_allclose([image[..., 0].mean() for image in results['imgs']], 6 * results['frame_inds'], atol=4)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match='num_windows=2 is for testing'):
        SampleWindow(num_windows=2)
    with pytest.raises(ValueError, match='stride=0'):
        SampleWindow(stride=0)
