"""Balanced epochs: equal shares, every clip before any twice, the same for any number of processes."""
from collections import Counter
from functools import lru_cache

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from mmengine.registry import DATA_SAMPLERS

from mmdfer.datasets import BalancedSampler, class_counts, sampler as module

COUNTS = (40, 3, 17, 10)


class Labelled(BaseDataset):
    """Items with a label and nothing to read."""
    METAINFO = dict(classes=tuple('abcd'))

    def __init__(self, counts=COUNTS, key='label'):
        self.counts, self.key = counts, key
        super().__init__()

    def load_data_list(self):
        return [{self.key: label} for label, count in enumerate(self.counts) for _ in range(count)]


@lru_cache
def labelled(counts):
    return Labelled(counts)


def labels(indices, counts=COUNTS):
    return Counter(np.repeat(np.arange(len(counts)), counts)[list(indices)].tolist())


def sampler(monkeypatch, rank=0, processes=1, epoch=0, counts=COUNTS, **kwargs):
    monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda: (rank, processes))
    found = DATA_SAMPLERS.build(dict(dict(type='BalancedSampler', dataset=labelled(counts), seed=3), **kwargs))
    found.set_epoch(epoch)
    return found


def test_every_class_gets_an_equal_share(monkeypatch):
    found = list(sampler(monkeypatch))
    assert len(found) == 70
    assert sorted(labels(found).values()) == [17, 17, 18, 18]
    for label, start, count in ((0, 0, 40), (1, 40, 3), (2, 43, 17), (3, 60, 10)):
        times = Counter(index for index in found if start <= index < start + count)
        quota = labels(found)[label]
        assert set(times.values()) <= {quota // count, -(-quota // count)}, 'no clip twice before all came once'
        assert len(times) == min(quota, count)


def test_balance_goes_from_the_sets_own_shares_to_equal_ones(monkeypatch):
    assert labels(sampler(monkeypatch, balance=0.)) == Counter(dict(enumerate(COUNTS)))
    assert sorted(sampler(monkeypatch, balance=0.)) == list(range(70)), 'every clip once'
    half = labels(sampler(monkeypatch, balance=0.5))
    expected = 70 * np.sqrt(COUNTS) / np.sqrt(COUNTS).sum()
    assert all(abs(half[label] - expected[label]) < 1 for label in range(4))


def test_classes_are_mixed_over_the_epoch(monkeypatch):
    big = (4000, 30, 1700, 1000)
    half = labels(list(sampler(monkeypatch, counts=big))[:3365], big)
    assert all(0.9 < count / (3365 / 4) < 1.1 for count in half.values())


@pytest.mark.parametrize('processes', [2, 3, 4])
@pytest.mark.parametrize('counts', [COUNTS, (40, 3, 17, 12)])
def test_processes_divide_the_epoch_of_one(monkeypatch, processes, counts):
    total = sum(counts)
    one = list(sampler(monkeypatch, counts=counts))
    parts = [sampler(monkeypatch, rank, processes, counts=counts) for rank in range(processes)]
    assert all(len(list(part)) == len(part) == -(-total // processes) for part in parts)
    joined = Counter(index for part in parts for index in part)
    if total % processes == 0:
        assert joined == Counter(one)
        for step in range(total // processes):          # also the batches of the processes together
            assert [list(part)[step] for part in parts] == one[processes * step:processes * (step + 1)]
    else:
        assert set(labels(joined, counts)) == {0, 1, 2, 3} and joined.total() == -(-total // processes) * processes


def test_seed_and_epoch_decide(monkeypatch):
    def draw(**kwargs):
        torch.manual_seed(torch.seed())
        np.random.seed(None)
        return list(sampler(monkeypatch, **kwargs))
    assert draw() == draw() and draw(epoch=4) == draw(epoch=4)
    assert len({tuple(draw(**kwargs)) for kwargs in (dict(), dict(epoch=1), dict(seed=4))}) == 3
    drawn = [index for epoch in range(30) for index in draw(epoch=epoch)]
    assert set(drawn) == set(range(70)), 'frequent classes show all their clips over some epochs'


def test_an_absent_class_is_left_out(monkeypatch):
    assert labels(sampler(monkeypatch, counts=(4, 0, 6, 2)), (4, 0, 6, 2)) == {0: 4, 2: 4, 3: 4}


@pytest.mark.parametrize('key', ['label', 'gt_label'])
def test_counts_go_through_wrappers(key):
    assert class_counts(Labelled(key=key)).tolist() == list(COUNTS)
    assert class_counts(RepeatDataset(Labelled(key=key), 3)).tolist() == [3 * count for count in COUNTS]
    two = ConcatDataset([Labelled(key=key), Labelled((0, 5, 0, 0), key=key)])
    assert class_counts(two).tolist() == [40, 8, 17, 10]


def test_mistakes_are_named(monkeypatch):
    with pytest.raises(ValueError, match='balance=2 is outside'):
        sampler(monkeypatch, balance=2)
    with pytest.raises(ValueError, match='shuffle=False makes no sense'):
        sampler(monkeypatch, shuffle=False)
    with pytest.raises(ValueError, match='item 0 has no single label'):
        BalancedSampler(Labelled(key='caption'), seed=0)


def test_largest_remainders_add_up():
    generator = np.random.default_rng(0)
    for total in range(1, 60):
        shares = generator.dirichlet(np.ones(7))
        numbers = module.largest_remainders(shares, total, generator)
        assert numbers.sum() == total and (abs(numbers - shares * total) < 1).all()


def test_with_replacement_each_draw_is_of_every_class_alike_and_of_the_clips_of_one_alike(monkeypatch):
    drawn = np.concatenate([list(sampler(monkeypatch, replacement=True, epoch=epoch)) for epoch in range(200)])
    shares = np.array([count for _, count in sorted(labels(drawn).items())]) / len(drawn)
    assert np.abs(shares - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / len(drawn))           # 14,000 draws
    assert len({draw.tobytes() for draw in drawn.reshape(200, 70)}) == 200, 'each epoch is its own'
    whole = list(sampler(monkeypatch, replacement=True))
    halves = [list(sampler(monkeypatch, rank, 2, replacement=True)) for rank in range(2)]
    assert [one for pair in zip(*halves) for one in pair] == whole
    own = np.concatenate([list(sampler(monkeypatch, replacement=True, balance=0., epoch=epoch)) for epoch in range(50)])
    assert abs(labels(own)[0] / len(own) - 40 / 70) < 0.04
