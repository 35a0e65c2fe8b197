"""The validation part of the training clips: stratified, seeded, and apart from what is trained on."""
from collections import Counter

import numpy as np
import pytest

from mmdfer.datasets import DatasetError, DFEWDataset
from mmdfer.datasets.inner_split import validation_part

SIZES = [100, 25, 6, 2, 1]


@pytest.fixture
def clips():
    labels = np.repeat(np.arange(len(SIZES)), SIZES)
    return [f'clip{index}' for index in range(len(labels))], labels.tolist()


def chosen_names(names, labels, **kwargs):
    return {name for name, chosen in zip(names, validation_part(names, labels, **kwargs)) if chosen}


def test_each_class_gives_its_share_but_never_all(clips):
    names, labels = clips
    chosen = chosen_names(names, labels, share=0.2)
    counts = Counter(label for name, label in zip(names, labels) if name in chosen)
    assert [counts[label] for label in range(5)] == [20, 5, 1, 1, 0]


def test_the_draw_depends_on_the_seed_and_not_on_the_order(clips):
    names, labels = clips
    order = np.random.default_rng(0).permutation(len(names))
    shuffled = [names[index] for index in order], [labels[index] for index in order]
    assert chosen_names(names, labels, seed=3) == chosen_names(*shuffled, seed=3)
    assert chosen_names(names, labels, seed=3) != chosen_names(names, labels, seed=4)


def dataset(root, **kwargs):
    return DFEWDataset([], str(root), **kwargs)


def names_of(found):
    return [found.get_data_info(index)['video_id'] for index in range(len(found))]


def test_parts_of_a_data_set_are_disjoint_and_cover_it(dfew):
    whole = names_of(dataset(dfew))
    train, val = (names_of(dataset(dfew, inner=part, inner_share=0.5, test_mode=part == 'val'))
                  for part in ('train', 'val'))
    assert len(val) == 7 and not set(train) & set(val)          # two clips of each of seven classes
    assert sorted(train + val) == sorted(whole)


@pytest.mark.parametrize('wrong, message', [
    (dict(inner='test'), "inner='test' does not exist: choose 'train' or 'val'"),
    (dict(inner='val', inner_share=1.0), 'inner_share=1.0'), (dict(inner='val', inner_share=0), 'inner_share=0')])
def test_mistakes_are_named(dfew, wrong, message):
    with pytest.raises(DatasetError, match=message):
        dataset(dfew, **wrong)
