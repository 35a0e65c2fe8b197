"""Features of clips on a plane, and how well their classes lie apart."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def check_features(features: np.ndarray, ids: Sequence[str]) -> None:
    """Refuse features that are no numbers.

    Args:
        features: (N, D).
        ids: names of the clips.

    Raises:
        ValueError: naming the first such clip.
    """
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise ValueError(f'the features of {len(bad)} of {len(features)} clips are no numbers (NaN or infinite), such '
                         f'as {ids[bad[0]]}: the checkpoint is of a training that diverged, or does not fit')


def silhouette(features: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of the classes among features (N, D), in [-1, 1], by Euclidean distances (Rousseeuw, 1987).

    Raises:
        ValueError: for fewer than two classes, or as many as clips.
    """
    from sklearn.metrics import silhouette_score
    classes = len(np.unique(labels))
    if not 2 <= classes < len(labels):
        raise ValueError(f'{len(labels)} clips of {classes} classes: a silhouette needs two classes at least, and more '
                         'clips than classes')
    return float(silhouette_score(features, labels))


def tsne(features: np.ndarray, seed: int = 0, perplexity: float = 30.0) -> np.ndarray:
    """t-SNE of features (N, D) by scikit-learn: (N, 2); the perplexity is lowered for few clips.

    Raises:
        ValueError: for fewer than 5 clips.
    """
    from sklearn.manifold import TSNE
    _check_number(features, 't-SNE')
    fitting = min(perplexity, (len(features) - 1) / 3)
    return TSNE(n_components=2, perplexity=fitting, init='pca', random_state=seed).fit_transform(features)


def umap(features: np.ndarray, seed: int = 0, neighbours: int = 15) -> np.ndarray:
    """UMAP of features (N, D) by umap-learn: (N, 2).

    Raises:
        ImportError: without umap-learn; it says how to install it.
        ValueError: for fewer than 5 clips.
    """
    try:
        from umap import UMAP
    except ImportError:
        raise ImportError('UMAP needs umap-learn, which is not installed: pip install umap-learn, or take t-SNE '
                          '(--what tsne)') from None
    _check_number(features, 'UMAP')
    return UMAP(n_neighbors=min(neighbours, len(features) - 1), random_state=seed, n_jobs=1).fit_transform(features)


def _check_number(features: np.ndarray, what: str) -> None:
    if len(features) < 5:
        raise ValueError(f'{what} of {len(features)} clips: give 5 at least')
