"""Published sizes: clips a list, and a class of a list where the release or its paper gives them."""
from __future__ import annotations

_FOLDS = dict(
    dfew=((9356, 2341), (9356, 2341), (9357, 2340), (9358, 2339), (9361, 2336)),
    mafw=((7333, 1839), (7335, 1837), (7339, 1833), (7340, 1832), (7341, 1831)))

# (set, setup, split): clips. The setups are those of listings.py.
SIZES = {(name, f'fold {fold}', split): size for name, folds in _FOLDS.items()
         for fold, sizes in enumerate(folds, 1) for split, size in zip(('train', 'test'), sizes)}
SIZES.update({('ferv39k', 'all scenes', 'train'): 31088, ('ferv39k', 'all scenes', 'test'): 7847})

# The same, clips of each class in canonical order.
CLASS_SIZES = {
    ('dfew', 'fold 1', 'train'): (1956, 1515, 2135, 1738, 1175, 116, 721),
    ('dfew', 'fold 1', 'test'): (489, 379, 534, 435, 294, 29, 181),
    ('ferv39k', 'all scenes', 'train'): (5854, 5523, 7790, 5906, 2502, 1833, 1680),
}

# Clips of all folds together.
TOTALS = dict(dfew=11697, mafw=9172, mafw_compound=8996)
