"""The confusion matrix's picture says what the matrix says."""
import matplotlib.image
import numpy as np
import pytest
from matplotlib import rcParams
from sklearn.metrics import accuracy_score, recall_score

from mmdfer.visualization import plot_confusion_matrix


def labels_of(num_classes, seed=0):
    rng = np.random.default_rng(seed)
    gt = np.concatenate([np.arange(num_classes), rng.integers(num_classes, size=200)])
    return gt, np.where(rng.random(len(gt)) < 0.6, gt, rng.integers(num_classes, size=len(gt)))


def matrix_of(gt, pred, num_classes):
    matrix = np.zeros((num_classes, num_classes), dtype=int)
    np.add.at(matrix, (gt, pred), 1)
    return matrix


@pytest.mark.parametrize('num_classes', [7, 11, 43])
def test_title_and_cells_carry_the_figures(num_classes, tmp_path):
    gt, pred = labels_of(num_classes)
    matrix = matrix_of(gt, pred, num_classes)
    names = [f'class{index}' for index in range(num_classes)]
    figure = plot_confusion_matrix(matrix.tolist(), names, tmp_path / 'new' / 'matrix.png', 'fold 1')
    uar, war = recall_score(gt, pred, average='macro'), accuracy_score(gt, pred)
    title = figure.axes[0].get_title()
    assert title == f'fold 1\nUAR {100 * uar:.2f}%   WAR {100 * war:.2f}%   {len(gt)} clips'

    cells = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in figure.axes[0].texts}
    share = matrix / matrix.sum(axis=1, keepdims=True)
    assert cells == {(row, column): f'{matrix[row, column]}\n{100 * share[row, column]:.0f}%'
                     for row, column in np.argwhere(matrix)}
    recalls = [text.get_text() for text in figure.axes[1].texts]
    assert recalls == [f'{100 * recall:.1f}' for recall in recall_score(gt, pred, average=None)]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == names
    assert [label.get_text().split(' ')[0] for label in figure.axes[0].get_yticklabels()] == names
    assert matplotlib.image.imread(tmp_path / 'new' / 'matrix.png').shape[0] > 500


def test_class_without_clips_is_marked(tmp_path):
    figure = plot_confusion_matrix([[2, 1], [0, 0]], ['happy', 'fear'], tmp_path / 'matrix.png')
    assert [text.get_text() for text in figure.axes[1].texts] == ['66.7', 'no clip']
    assert figure.axes[0].get_title() == 'UAR 33.33%   WAR 66.67%   3 clips'
    assert any(patch.get_hatch() for patch in figure.axes[0].patches)


def test_picture_follows_the_data_and_nothing_else(tmp_path):
    """Same data, same pixels; other data, other pixels; matplotlib's settings are left alone."""
    before = dict(rcParams)
    for name, corner in (('a', 3), ('b', 3), ('c', 4)):
        plot_confusion_matrix([[corner, 1], [1, 1]], ['happy', 'fear'], tmp_path / f'{name}.png')
    a, b, c = (matplotlib.image.imread(tmp_path / f'{name}.png') for name in 'abc')
    assert (a == b).all() and a.shape == c.shape and (a != c).any()
    assert dict(rcParams) == before


@pytest.mark.parametrize('matrix,classes,message', [
    ([[1, 2, 3], [1, 2, 3]], ['a', 'b'], r'shape \(K, K\), this one \(2, 3\)'),
    ([[1, 2], [1, 2]], ['a', 'b', 'c'], 'has 2 classes, classes names 3'),
    ([[0, 0], [0, 0]], ['a', 'b'], 'holds no sample'),
    ([[1, -2], [1, 2]], ['a', 'b'], 'this one holds -2'),
])
def test_wrong_input_is_named(matrix, classes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot_confusion_matrix(matrix, classes, tmp_path / 'matrix.png')
    assert not list(tmp_path.iterdir())
