"""What a model said of each clip, in one small file that NumPy reads."""
from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..files import write_arrays
from .figures import confusion_matrix


@dataclass(frozen=True)
class Predictions:
    """Scores of N clips over K classes.

    Args:
        ids: clip names as the list gives them, (N,).
        labels: true classes, 0-based in the set's canonical order, (N,) int64.
        scores: class scores, (N, K) float32; the highest, the first of equals, is the prediction.
        classes: the K class names.
    """
    ids: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    classes: tuple[str, ...]

    @property
    def predicted(self) -> np.ndarray:
        """Predicted classes, (N,) int64."""
        return self.scores.argmax(axis=1)

    @property
    def confusion(self) -> np.ndarray:
        """Confusion matrix, (K, K) int64, a row for each true class."""
        return confusion_matrix(self.labels, self.predicted, len(self.classes))


def save_predictions(path: str | os.PathLike, ids: Sequence[str], labels: Sequence[int], scores: np.ndarray,
                     classes: Sequence[str] | range) -> None:
    """Write an ``.npz`` of the four arrays ``ids``, ``labels``, ``scores`` and ``classes``, whole or not at all."""
    write_arrays(dict(ids=np.asarray(ids, dtype=np.str_), labels=np.asarray(labels, dtype=np.int64),
                      scores=np.asarray(scores, dtype=np.float32), classes=np.asarray(classes, dtype=np.str_)), path)


def load_predictions(path: str | os.PathLike) -> Predictions:
    """Read and check a file of :func:`save_predictions`.

    Raises:
        ValueError: for a file that is missing, no such file, or at odds with itself.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = Predictions(file['ids'], file['labels'], file['scores'], tuple(map(str, file['classes'])))
    except FileNotFoundError:
        raise ValueError(f'{path}: no such file of predictions') from None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f'{path}: cannot be read as predictions ({error}); remove it and evaluate again') from error
    shapes = found.ids.shape, found.labels.shape, found.scores.shape
    clips, classes = len(found.ids), len(found.classes)
    if shapes != ((clips, ), (clips, ), (clips, classes)):
        raise ValueError(f'{path}: ids, labels and scores have shapes {shapes} for {classes} classes; expected (N,), '
                         f'(N,) and (N, {classes})')
    if np.isnan(found.scores).any():
        raise ValueError(f'{path}: scores hold NaN: the model has diverged')
    return found
