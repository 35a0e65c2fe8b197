"""How many items of each class a data set has, without reading any clip."""
from __future__ import annotations

import numpy as np
from mmengine.dataset import BaseDataset


def labels_of(dataset: BaseDataset) -> np.ndarray:
    """The label of each item of a data set or of a wrapper such as ``RepeatDataset``.

    Raises:
        ValueError: for items without a single label.
    """
    labels = []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        label = np.atleast_1d(info.get('label', info.get('gt_label', ())))
        if label.shape != (1, ):
            raise ValueError(f'{type(dataset).__name__}: item {index} has no single label (label or gt_label): '
                             'classes cannot be counted')
        labels.append(int(label[0]))
    return np.array(labels)


def class_counts(dataset: BaseDataset) -> np.ndarray:
    """Items of each class (K, ), K being the number of classes of the data set's metainfo.

    Raises:
        ValueError: for items without a single label, or a data set that does not name its classes.
    """
    classes = dataset.metainfo.get('classes')
    if classes is None:
        raise ValueError(f"{type(dataset).__name__}: metainfo has no 'classes' to count by")
    return np.bincount(labels_of(dataset), minlength=len(classes))
