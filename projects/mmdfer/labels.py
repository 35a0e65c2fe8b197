"""The one vocabulary: emotions, and the classes of each data set in canonical order.

Every list dialect, head, text prompt and plot reads names from here. The order of a set is the official
one of its release, 0-based.
"""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Emotion:
    """One emotion: its noun, the adjective that completes "a person who looks ...", and a plot colour."""
    noun: str
    adjective: str
    colour: str


EMOTIONS = {
    'happiness': Emotion('happiness', 'happy', '#e6a700'),
    'sadness': Emotion('sadness', 'sad', '#4169b0'),
    'neutral': Emotion('neutral', 'neutral', '#8c8c8c'),
    'anger': Emotion('anger', 'angry', '#c8372d'),
    'surprise': Emotion('surprise', 'surprised', '#e07b28'),
    'disgust': Emotion('disgust', 'disgusted', '#5a8f3c'),
    'fear': Emotion('fear', 'fearful', '#7d4fa3'),
    'contempt': Emotion('contempt', 'contemptuous', '#a0743c'),
    'anxiety': Emotion('anxiety', 'anxious', '#3aa39b'),
    'helplessness': Emotion('helplessness', 'helpless', '#6c8ebf'),
    'disappointment': Emotion('disappointment', 'disappointed', '#b0628f'),
}

# Each set's class names as its release writes them, in its order, with the emotion each stands for.
_SETS = {
    'dfew': dict(happy='happiness', sad='sadness', neutral='neutral', angry='anger', surprise='surprise',
                 disgust='disgust', fear='fear'),
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
    """The emotion that a class of a set stands for."""
    return EMOTIONS[_SETS[dataset][name]]


def class_colours(names: tuple[str, ...]) -> list[str]:
    """A plot colour for each class name, the same for the same emotion in every set; grey for unknown names."""
    by_name = {name: EMOTIONS[key].colour for classes in _SETS.values() for name, key in classes.items()}
    return [by_name.get(name, '#555555') for name in names]
