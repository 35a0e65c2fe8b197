"""The figures of :mod:`mmdfer.evaluation.figures` as a metric of mmengine's evaluator."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MessageHub, print_log

from ..files import write_json
from ..registry import METRICS
from .figures import confusion_matrix, per_class_recall, uar_war


@METRICS.register_module()
class RecallMetric(BaseMetric):
    """UAR, WAR and the recall of each class, over a fixed set of classes.

    The metric keeps one ``(true, predicted)`` pair of integers a sample and counts them at the end. MMEngine
    interleaves the pairs of all processes in the order of the data set and drops the repeats that its
    sampler added to the last batches, so the counts, and with them every figure, are the same for any number
    of processes and any batch size.

    Results: ``uar``, ``war`` and ``recall/<class>``, in [0, 1]. A class that the set names and no sample
    carries has no recall; it counts as 0 in ``uar``, and a warning names it together with the mean over the
    classes that are there. Of equal scores the first class is the prediction.

    After an evaluation ``confusion_matrix`` holds the counts, (K, K) int64 with a row for each true class, in
    the main process; the message hub's runtime info holds them as nested lists under ``'confusion_matrix'``.

    Args:
        num_classes: number of classes. Defaults to the length of ``classes``, or of the data set's
            ``metainfo['classes']``.
        classes: class names in the order of their labels. Default to the data set's, else to the numbers.
        dump_file: a JSON file for figures, class names and confusion matrix, written anew at each evaluation.
        collect_device: ``'cpu'`` or ``'gpu'``, by which way processes exchange their pairs.
        prefix: put before the result names, ``<prefix>/uar``.
    """
    default_prefix = ''     # MMEngine warns of None; save_best='uar' wants the bare names

    def __init__(self,
                 num_classes: int | None = None,
                 classes: Sequence[str] | None = None,
                 dump_file: str | None = None,
                 collect_device: str = 'cpu',
                 prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if num_classes is not None and num_classes < 2:
            raise ValueError(f'num_classes={num_classes}: a recall over classes needs at least 2')
        self.num_classes = num_classes
        self.classes = classes
        self.dump_file = dump_file
        self.confusion_matrix: np.ndarray | None = None

    def class_set(self) -> tuple[str, ...]:
        """The K class names, from the arguments and the data set, which must agree on K."""
        from_data = (self.dataset_meta or {}).get('classes')
        names = self.classes if self.classes is not None else from_data
        sizes = {source: size if isinstance(size, int) else len(size) for source, size in (
            ('num_classes', self.num_classes), ('classes', self.classes),
            ("the data set's metainfo['classes']", from_data)) if size is not None}
        if not sizes:
            raise ValueError("the class set is unknown: give RecallMetric num_classes or classes, or give the data set "
                             "metainfo=dict(classes=[...])")
        if len(set(sizes.values())) > 1:
            told = ', '.join(f'{size} by {source}' for source, size in sizes.items())
            raise ValueError(f'the number of classes is told in several ways: {told}. Remove or correct the wrong one')
        return tuple(names) if names is not None else tuple(map(str, range(self.num_classes)))

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the true and the predicted class of each sample.

        Args:
            data_batch: not used.
            data_samples: dicts with ``gt_label`` (1,) and ``pred_score`` (K,), or ``pred_label`` (1,) in its place.
        """
        num_classes = len(self.class_set())
        self.results.extend((_one_label(sample, 'gt_label', num_classes), _predicted_class(sample, num_classes))
                            for sample in data_samples)

    def compute_metrics(self, results: list[tuple[int, int]]) -> dict[str, float]:
        """Count the (true, predicted) pairs of the whole data set and give its figures."""
        classes = self.class_set()
        if not results:
            raise ValueError('no sample was evaluated: check that the list file of the data set is not empty')
        gt, pred = zip(*results)
        matrix = confusion_matrix(gt, pred, len(classes))
        recalls = per_class_recall(matrix)
        uar, war = uar_war(matrix)
        present = matrix.sum(axis=1) > 0
        absent = [name for name, there in zip(classes, present) if not there]
        if absent:
            print_log(f'{len(absent)} of {len(classes)} classes have no sample: {", ".join(absent)}. UAR counts them '
                      f'as recall 0 and is {uar:.4f}; over the {present.sum()} classes with samples it would be '
                      f'{recalls[present].mean():.4f}', logger='current', level=logging.WARNING)
        metrics = dict(uar=uar, war=war)
        metrics.update((f'recall/{name}', float(recall)) for name, recall in zip(classes, recalls))
        self.confusion_matrix = matrix
        MessageHub.get_current_instance().update_info('confusion_matrix', matrix.tolist(), resumed=False)
        if self.dump_file is not None:
            write_json(dict(metrics=metrics, classes=classes, classes_without_samples=absent,
                            confusion_matrix=matrix.tolist()), self.dump_file)
        return metrics


def _predicted_class(sample: dict, num_classes: int) -> int:
    """The class with the highest score, the first of equals; ``pred_label`` for a sample without scores."""
    score = sample.get('pred_score')
    if score is None:
        return _one_label(sample, 'pred_label', num_classes)
    score = torch.as_tensor(score)
    if score.ndim != 1:
        raise ValueError(f"pred_score{_origin(sample)} has shape {tuple(score.shape)}, not (classes,): views are left "
                         "apart; set average_clips='prob' in the model's cls_head")
    if len(score) != num_classes:
        raise ValueError(f'pred_score{_origin(sample)} has {len(score)} scores, the class set {num_classes} classes: '
                         f"set num_classes={num_classes} in the model's head, or give the metric the right class set")
    if score.isnan().any():
        raise ValueError(f'pred_score{_origin(sample)} holds NaN: the model has diverged; lower the learning rate or '
                         'clip gradients')
    return int(score.argmax())


def _one_label(sample: dict, key: str, num_classes: int) -> int:
    """The single class number under ``key``, checked against the class set."""
    if sample.get(key) is None:
        wanted = 'pred_score or pred_label' if key == 'pred_label' else key
        raise ValueError(f'a sample{_origin(sample)} has no {wanted}, only {sorted(sample)}: a model in mode="predict" '
                         'and PackActionInputs or PackInputs fill them')
    label = torch.as_tensor(sample[key]).flatten()
    if len(label) != 1:
        raise ValueError(f'{key}{_origin(sample)} holds {len(label)} labels: UAR and WAR need exactly one a sample')
    label = int(label)
    if not 0 <= label < num_classes:
        raise ValueError(f'{key}{_origin(sample)} is {label}, outside 0..{num_classes - 1} of {num_classes} classes: '
                         'check whether the list counts from 1, and the class set of data set and metric')
    return label


def _origin(sample: dict) -> str:
    """`` of <file>`` where the sample says whence it comes."""
    for key in ('filename', 'frame_dir', 'img_path'):
        if sample.get(key) is not None:
            return f' of {sample[key]}'
    return ''
