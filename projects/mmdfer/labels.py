"""The one vocabulary: emotions, and the classes of each data set in canonical order.

Every list dialect, head, text prompt and plot reads names from here. The order of a set is the official
one of its release, 0-based.
"""
from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Emotion:
    """One emotion or several at once: noun, the adjective of "a person who looks ...", plot colour, short name."""
    noun: str
    adjective: str
    colour: str
    short: str

    @property
    def sentence(self) -> str:
        """The emotion as a caption, for text encoders."""
        return f'A person with an expression of {self.noun}.'


# Short names are those of MAFW's paper.
EMOTIONS = {
    'happiness': Emotion('happiness', 'happy', '#e6a700', 'HA'),
    'sadness': Emotion('sadness', 'sad', '#4169b0', 'SA'),
    'neutral': Emotion('neutral', 'neutral', '#8c8c8c', 'NE'),
    'anger': Emotion('anger', 'angry', '#c8372d', 'AN'),
    'surprise': Emotion('surprise', 'surprised', '#e07b28', 'SU'),
    'disgust': Emotion('disgust', 'disgusted', '#5a8f3c', 'DI'),
    'fear': Emotion('fear', 'fearful', '#7d4fa3', 'FE'),
    'contempt': Emotion('contempt', 'contemptuous', '#a0743c', 'CO'),
    'anxiety': Emotion('anxiety', 'anxious', '#3aa39b', 'AX'),
    'helplessness': Emotion('helplessness', 'helpless', '#6c8ebf', 'HL'),
    'disappointment': Emotion('disappointment', 'disappointed', '#b0628f', 'DS'),
}

# MAFW's 32 compounds, each of two or three emotions in the official order of the single ones. The release lists no
# order of its 43 classes; ours is: the 11 single ones, then pairs, then triples, each by its parts' official order.
MAFW_SINGLE = ('anger', 'disgust', 'fear', 'happiness', 'neutral', 'sadness', 'surprise', 'contempt', 'anxiety',
               'helplessness', 'disappointment')
MAFW_COMPOUNDS = (
    'anger_disgust', 'anger_sadness', 'anger_surprise', 'anger_anxiety', 'anger_helplessness', 'disgust_sadness',
    'disgust_surprise', 'disgust_contempt', 'disgust_anxiety', 'disgust_helplessness', 'disgust_disappointment',
    'fear_sadness', 'fear_surprise', 'fear_anxiety', 'happiness_surprise', 'happiness_contempt', 'sadness_surprise',
    'sadness_anxiety', 'sadness_helplessness', 'sadness_disappointment', 'surprise_anxiety', 'anxiety_helplessness',
    'helplessness_disappointment', 'anger_disgust_contempt', 'anger_disgust_anxiety', 'disgust_anxiety_helplessness',
    'disgust_helplessness_disappointment', 'fear_sadness_anxiety', 'fear_surprise_anxiety',
    'sadness_anxiety_helplessness', 'sadness_helplessness_disappointment', 'anxiety_helplessness_disappointment')

# Each set's class names as its release writes them, in its order, with the emotion each stands for.
_SETS = {
    'dfew': dict(happy='happiness', sad='sadness', neutral='neutral', angry='anger', surprise='surprise',
                 disgust='disgust', fear='fear'),
    # FERV39k's lists carry names and its release gives no order; this is the one of most published code, DFEW's.
    'ferv39k': dict(happy='happiness', sad='sadness', neutral='neutral', angry='anger', surprise='surprise',
                    disgust='disgust', fear='fear'),
    'mafw': {name: name for name in MAFW_SINGLE},
    'mafw_compound': {name: name for name in MAFW_SINGLE + MAFW_COMPOUNDS},
    'rafdb': dict(surprise='surprise', fear='fear', disgust='disgust', happiness='happiness', sadness='sadness',
                  anger='anger', neutral='neutral'),
    'affectnet': dict(neutral='neutral', happy='happiness', sad='sadness', surprise='surprise', fear='fear',
                      disgust='disgust', anger='anger', contempt='contempt'),
    'affectnet7': dict(neutral='neutral', happy='happiness', sad='sadness', surprise='surprise', fear='fear',
                       disgust='disgust', anger='anger'),
    'ferplus': dict(neutral='neutral', happiness='happiness', surprise='surprise', sadness='sadness', anger='anger',
                    disgust='disgust', fear='fear', contempt='contempt'),
}


def class_names(dataset: str) -> tuple[str, ...]:
    """Class names of a set in canonical order.

    Raises:
        ValueError: for a set that is not known here.
    """
    if dataset not in _SETS:
        raise ValueError(f'dataset={dataset!r} is not known: choose one of {sorted(_SETS)}')
    return tuple(_SETS[dataset])


def emotion_of(dataset: str, name: str) -> Emotion:
    """The emotion, or the compound of emotions, that a class of a set stands for."""
    return _emotion(_SETS[dataset][name])


def emotions_of(dataset: str, name: str) -> tuple[Emotion, ...]:
    """The single emotions that a class of a set stands for: one, or the parts of a compound."""
    return tuple(EMOTIONS[part] for part in _SETS[dataset][name].split('_'))


def find_emotion(name: str) -> Emotion | None:
    """The emotion that a class name stands for, ``happy`` as well as ``Happiness``; of a compound, joined by ``_``, all.

    ``None`` for a name that is no emotion known here.
    """
    words = {word: key for key, one in EMOTIONS.items() for word in (key, one.noun, one.adjective)}
    keys = [words.get(part) for part in name.lower().split('_')]
    return None if None in keys else _emotion('_'.join(keys))


def class_colours(names: tuple[str, ...]) -> list[str]:
    """A plot colour for each class name, the same for the same emotion in every set; grey for unknown names."""
    by_name = {name: _emotion(key).colour for classes in _SETS.values() for name, key in classes.items()}
    return [by_name.get(name, '#555555') for name in names]


def _emotion(key: str) -> Emotion:
    """The emotion of a key; a compound's words joined, its colour the mean of its parts'."""
    parts = [EMOTIONS[part] for part in key.split('_')]
    if len(parts) == 1:
        return parts[0]
    channels = [[int(part.colour[place:place + 2], 16) for part in parts] for place in (1, 3, 5)]
    colour = '#' + ''.join(f'{round(sum(values) / len(values)):02x}' for values in channels)
    return Emotion(listed([part.noun for part in parts]), listed([part.adjective for part in parts]), colour,
                   '+'.join(part.short for part in parts))


def listed(words: Sequence[str]) -> str:
    """Two words or more as "a, b and c"."""
    return f"{', '.join(words[:-1])} and {words[-1]}"


def labels_of(dataset: Sized) -> np.ndarray:
    """The label of each item of a data set or of a wrapper such as ``RepeatDataset``, without reading any clip.

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


def class_counts(dataset: Sized) -> np.ndarray:
    """Items of each class (K, ), K being the number of classes of the data set's metainfo.

    Raises:
        ValueError: for items without a single label, or a data set that does not name its classes.
    """
    classes = dataset.metainfo.get('classes')
    if classes is None:
        raise ValueError(f"{type(dataset).__name__}: metainfo has no 'classes' to count by")
    return np.bincount(labels_of(dataset), minlength=len(classes))
