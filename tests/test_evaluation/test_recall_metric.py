"""UAR and WAR against scikit-learn, through MMEngine's evaluator, and over two processes."""
import json
import logging
import os

import mmaction.structures
import mmpretrain.structures
import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.logging import MessageHub
from mmengine.registry import METRICS, DefaultScope
from sklearn import metrics as sklearn_metrics

from mmdfer.apis.launching import free_port
from mmdfer.evaluation import RecallMetric, confusion_matrix, per_class_recall, uar_war

from ..commands import in_copies

CLASSES = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')
SAMPLES = (mmaction.structures.ActionDataSample, mmpretrain.structures.DataSample)


def random_labels(num_samples=500, num_classes=7, seed=0, skip=()):
    """Unbalanced true classes without those in ``skip``, and predictions right about half the time: (N,), (N,)."""
    rng = np.random.default_rng(seed)
    weights = np.arange(1.0, num_classes + 1)
    weights[list(skip)] = 0
    gt = rng.choice(num_classes, num_samples, p=weights / weights.sum())
    return gt, np.where(rng.random(num_samples) < 0.5, gt, rng.integers(num_classes, size=num_samples))


def evaluate(metric, samples, batch_size=32, **meta):
    """Run samples through MMEngine's evaluator as a test loop does."""
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = meta
    for start in range(0, len(samples), batch_size):
        evaluator.process(samples[start:start + batch_size])
    return evaluator.evaluate(len(samples))


def samples_of(gt, pred, kind=SAMPLES[0], num_classes=7):
    return [kind().set_gt_label(int(g)).set_pred_score(torch.eye(num_classes)[p]) for g, p in zip(gt, pred)]


@pytest.mark.parametrize('num_classes', [2, 7, 11, 43])
@pytest.mark.parametrize('seed', [0, 1, 2])
@pytest.mark.parametrize('skip', [(), (0,), (1,)])
def test_figures_equal_scikit_learn(num_classes, seed, skip):
    gt, pred = random_labels(300, num_classes, seed, skip)
    labels = range(num_classes)
    matrix = confusion_matrix(gt, pred, num_classes)
    assert (matrix == sklearn_metrics.confusion_matrix(gt, pred, labels=labels)).all()
    recall = dict(y_true=gt, y_pred=pred, labels=labels, zero_division=0)
    assert per_class_recall(matrix) == pytest.approx(sklearn_metrics.recall_score(average=None, **recall), abs=1e-12)
    uar, war = uar_war(matrix)
    assert uar == pytest.approx(sklearn_metrics.recall_score(average='macro', **recall), abs=1e-12)
    assert war == pytest.approx(sklearn_metrics.accuracy_score(gt, pred), abs=1e-12)


def test_class_without_samples_lowers_uar():
    """Nor does a class that is only predicted raise or remove anything."""
    assert uar_war(confusion_matrix([0, 0, 1], [0, 0, 1], 2)) == (1.0, 1.0)
    assert uar_war(confusion_matrix([0, 0, 1], [0, 0, 1], 4)) == (0.5, 1.0)
    assert uar_war(confusion_matrix([0, 0, 1], [0, 3, 1], 4)) == (0.375, pytest.approx(2 / 3))


@pytest.mark.parametrize('kind', SAMPLES)
@pytest.mark.parametrize('batch_size', [1, 7, 500])
def test_evaluator_gives_every_figure(kind, batch_size, tmp_path):
    gt, pred = random_labels()
    dump = tmp_path / 'new' / 'figures.json'
    metric = RecallMetric(dump_file=str(dump))
    figures = evaluate([metric], samples_of(gt, pred, kind), batch_size, classes=CLASSES)
    expected = sklearn_metrics.recall_score(gt, pred, average=None, labels=range(7))
    assert list(figures) == ['uar', 'war', *(f'recall/{name}' for name in CLASSES)]
    assert all(type(value) is float for value in figures.values())
    assert figures['uar'] == pytest.approx(expected.mean(), abs=1e-12)
    assert figures['war'] == pytest.approx((gt == pred).mean(), abs=1e-12)
    assert figures['recall/disgust'] == pytest.approx(expected[5], abs=1e-12)

    matrix = sklearn_metrics.confusion_matrix(gt, pred).tolist()
    assert metric.confusion_matrix.tolist() == matrix
    assert MessageHub.get_current_instance().get_info('confusion_matrix') == matrix
    written = json.loads(dump.read_text())
    assert written == dict(metrics=figures, classes=list(CLASSES), classes_without_samples=[], confusion_matrix=matrix)


def test_confusion_matrix_stays_out_of_checkpoints():
    evaluate([RecallMetric(num_classes=7)], samples_of(*random_labels()))
    assert 'confusion_matrix' not in MessageHub.get_current_instance().state_dict()['runtime_info']


def test_second_evaluation_starts_anew():
    metric = RecallMetric(num_classes=7)
    evaluate([metric], samples_of([0, 1], [1, 0]))
    assert evaluate([metric], samples_of([0, 1], [0, 1]))['war'] == 1.0
    assert metric.confusion_matrix.sum() == 2


def test_of_equal_scores_the_first_class_is_predicted():
    sample = dict(gt_label=torch.tensor([1]), pred_score=torch.tensor([0.2, 0.4, 0.4]))
    assert evaluate([RecallMetric(num_classes=3)], [sample])['war'] == 1.0
    sample['gt_label'] = torch.tensor([2])
    assert evaluate([RecallMetric(num_classes=3)], [sample])['war'] == 0.0


def test_pred_label_serves_where_no_scores_are():
    samples = [dict(gt_label=torch.tensor([g]), pred_label=torch.tensor([p])) for g, p in ((0, 0), (1, 0), (1, 1))]
    figures = evaluate([RecallMetric(classes=('a', 'b'))], samples)
    assert figures == {'uar': 0.75, 'war': pytest.approx(2 / 3), 'recall/a': 1.0, 'recall/b': 0.5}


def test_scores_go_before_pred_label():
    sample = dict(gt_label=torch.tensor([0]), pred_label=torch.tensor([1]), pred_score=torch.tensor([0.9, 0.1]))
    assert evaluate([RecallMetric(num_classes=2)], [sample])['war'] == 1.0


@pytest.mark.parametrize('seen,warned', [([0, 1, 2, 3, 4, 5, 6], False), ([0, 1, 2, 3, 4, 6], True)])
def test_warning_names_classes_without_samples(seen, warned, monkeypatch):
    lines = []
    monkeypatch.setattr('mmdfer.evaluation.recall_metric.print_log',
                        lambda message, logger, level: lines.append((message, level)))
    figures = evaluate([RecallMetric()], samples_of(seen, seen), classes=CLASSES)
    assert len(lines) == warned
    if warned:
        assert lines[0][1] == logging.WARNING
        assert lines[0][0].startswith('1 of 7 classes have no sample: disgust.')
        assert 'is 0.8571; over the 6 classes with samples it would be 1.0000' in lines[0][0]
        assert figures['uar'] == pytest.approx(6 / 7) and figures['recall/disgust'] == 0.0


@pytest.mark.parametrize('scope', ['mmaction', 'mmpretrain', 'mmengine'])
def test_built_by_name_in_every_scope(scope):
    with DefaultScope.overwrite_default_scope(scope):
        metric = Evaluator(dict(type='RecallMetric', num_classes=7, prefix='fold1')).metrics[0]
        assert type(metric) is RecallMetric
        assert evaluate([metric], samples_of([3], [3]))['fold1/recall/3'] == 1.0
    assert METRICS.get('RecallMetric') is RecallMetric


def sample(label=0, score=(0.9, 0.1), **more):
    return dict(gt_label=torch.tensor([label]), pred_score=torch.tensor(score), **more)


@pytest.mark.parametrize('settings,meta,data,message', [
    (dict(), dict(), sample(), 'class set is unknown: give RecallMetric num_classes or classes'),
    (dict(num_classes=3), dict(classes=('a', 'b')), sample(),
     r"3 by num_classes, 2 by the data set's metainfo\['classes'\]"),
    (dict(classes=('a', 'b', 'c')), dict(classes=('a', 'b')), sample(), '3 by classes, 2 by the data set'),
    (dict(classes=()), dict(classes=('a', 'b')), sample(), '0 by classes'),
    (dict(num_classes=2), dict(), sample(2), 'gt_label is 2, outside 0..1 of 2 classes: check whether the list'),
    (dict(num_classes=2), dict(), sample(-1, filename='7.mp4'), 'gt_label of 7.mp4 is -1, outside 0..1'),
    (dict(num_classes=7), dict(), sample(), 'has 2 scores, the class set 7 classes: set num_classes=7'),
    (dict(num_classes=2), dict(), sample(0, ((0.9, 0.1),)), r"shape \(1, 2\), not \(classes,\).*average_clips='prob'"),
    (dict(num_classes=2), dict(), sample(0, (0.9, float('nan'))), 'holds NaN: the model has diverged'),
    (dict(num_classes=2), dict(), dict(gt_label=torch.tensor([0])), 'has no pred_score or pred_label'),
    (dict(num_classes=2), dict(), dict(pred_score=torch.tensor([0.9, 0.1])), 'has no gt_label'),
    (dict(num_classes=2), dict(), dict(sample(), gt_label=torch.tensor([0, 1])), 'gt_label holds 2 labels'),
])
def test_disagreement_is_named(settings, meta, data, message):
    with pytest.raises(ValueError, match=message):
        evaluate([RecallMetric(**settings)], [data], **meta)


def test_names_may_be_given_anew():
    """Names of one's own take the place of the data set's, as long as there are as many."""
    figures = evaluate([RecallMetric(classes=('froh', 'traurig'))], [sample()], classes=('happy', 'sad'))
    assert figures['recall/froh'] == 1.0 and 'recall/happy' not in figures


def test_nothing_to_evaluate_is_an_error():
    with pytest.raises(ValueError, match='no sample was evaluated'):
        evaluate([RecallMetric(num_classes=2)], [])
    with pytest.raises(ValueError, match='holds no sample'):
        uar_war(np.zeros((2, 2), dtype=int))
    with pytest.raises(ValueError, match='at least 2'):
        RecallMetric(num_classes=1)


@pytest.mark.parametrize('gt,pred,message', [
    ([0, 1], [0], r'gt has shape \(2,\) and pred \(1,\)'),
    ([0, 3], [0, 1], 'gt holds class 3, outside 0..2'),
    ([0, 2], [0, -1], 'pred holds class -1, outside 0..2'),
])
def test_confusion_matrix_refuses_what_it_cannot_count(gt, pred, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(gt, pred, 3)


def evaluate_share(rank, world_size, port, folder):
    """One process's part of an evaluation, as MMEngine's test loop runs it; the figures go to a file."""
    os.chdir(folder)
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', f'tcp://127.0.0.1:{port}', rank=rank, world_size=world_size)
    samples = samples_of(*random_labels(101))
    metrics = [RecallMetric(collect_device=device, prefix=device) for device in ('cpu', 'gpu')]
    evaluator = Evaluator(metrics)
    evaluator.dataset_meta = dict(classes=CLASSES)
    indices = list(DefaultSampler(samples, shuffle=False, round_up=True))
    for start in range(0, len(indices), 8):
        evaluator.process([samples[index] for index in indices[start:start + 8]])
    figures = evaluator.evaluate(len(samples))
    matrices = [None if metric.confusion_matrix is None else metric.confusion_matrix.tolist() for metric in metrics]
    with open(f'{rank}.json', 'w') as file:
        json.dump(dict(figures=figures, matrices=matrices, seen=len(indices)), file)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    """101 samples: the sampler repeats one to make 2 x 51, and the repeat must not be counted."""
    in_copies(evaluate_share, (2, free_port(), str(tmp_path)), 2)
    first, second = (json.loads((tmp_path / f'{rank}.json').read_text()) for rank in (0, 1))

    metric = RecallMetric()
    alone = evaluate([metric], samples_of(*random_labels(101)), classes=CLASSES)
    expected = {f'{device}/{name}': value for device in ('cpu', 'gpu') for name, value in alone.items()}
    assert first['seen'] + second['seen'] == 102
    assert first['figures'] == second['figures'] == expected       # to the last bit
    assert first['matrices'] == [metric.confusion_matrix.tolist()] * 2 and second['matrices'] == [None, None]
