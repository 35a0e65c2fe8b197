"""Every class of every set has an emotion, a colour and words; and names of classes find their emotion."""
import re

import cv2
import numpy as np
import pytest

from mmdfer import labels
from mmdfer.datasets import class_names
from mmdfer.labels import EMOTIONS, add_words, class_colours, find_emotion, find_emotions

SETS = dict(dfew=7, demo=7, ferv39k=7, mafw=11, mafw_compound=43, rafdb=7, affectnet=8, affectnet7=7, ferplus=8)


@pytest.mark.parametrize('name, size', SETS.items())
def test_classes_have_words_and_colours(name, size):
    names = class_names(name)
    emotions = [find_emotion(one) for one in names]
    assert len(set(names)) == len({emotion.short for emotion in emotions}) == size
    assert len({emotion.sentence for emotion in emotions}) == len({emotion.adjective for emotion in emotions}) == size
    assert all(re.fullmatch('#[0-9a-f]{6}', emotion.colour) for emotion in emotions)
    assert class_colours(names) == [emotion.colour for emotion in emotions]


def test_the_same_emotion_is_one_over_the_sets():
    assert find_emotion('angry') is find_emotion('anger') is find_emotion('Angry') is EMOTIONS['anger']
    assert class_names('ferv39k') == class_names('dfew')
    for name, emotion in EMOTIONS.items():
        assert find_emotion(name) is find_emotion(emotion.adjective.upper()) is emotion


def test_a_compound_joins_its_parts():
    emotion = find_emotion('anger_disgust_contempt')
    assert emotion.noun == 'anger, disgust and contempt' and emotion.short == 'AN+DI+CO'
    assert emotion.adjective == 'angry, disgusted and contemptuous'
    assert emotion.sentence == 'A person with an expression of anger, disgust and contempt.'
    parts = [EMOTIONS[part].colour for part in ('anger', 'disgust', 'contempt')]
    assert int(emotion.colour[1:3], 16) == round(sum(int(colour[1:3], 16) for colour in parts) / 3)
    assert find_emotions('Happy_Sadness') == (EMOTIONS['happiness'], EMOTIONS['sadness'])


def test_unknown_names():
    assert find_emotion('joy') is find_emotion('') is find_emotion('happy_joy') is find_emotions('joy') is None
    assert class_colours(('joy', 'happy')) == ['#555555', EMOTIONS['happiness'].colour]


def test_words_of_ones_own(monkeypatch):
    monkeypatch.setattr(labels, '_WORDS', dict(labels._WORDS))
    add_words({'Joyful': 'happy', 'at_ease': 'neutral'})
    assert find_emotion('joyful') is EMOTIONS['happiness'] and find_emotion('At_Ease') is EMOTIONS['neutral']
    assert find_emotion('joyful_sad').short == 'HA+SA'
    with pytest.raises(ValueError, match="'joyful': stands for happiness already, and cannot stand for sad too"):
        add_words({'joyful': 'sad'})
    with pytest.raises(ValueError, match="'calm': 'serenity' is no emotion known here; choose one of happiness, "):
        add_words({'calm': 'serenity'})


# Machado, Oliveira and Fernandes (2009), complete absence of one kind of cones, on linear RGB.
SIGHTS = {
    'all cones': ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    'no long': ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    'no middle': ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    'no short': ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


@pytest.mark.parametrize('sight', SIGHTS)
def test_any_two_emotions_have_colours_that_everybody_tells_apart(sight):
    """A difference of 2.3 is just seen; small dots want several times that."""
    colours = np.array([[int(one.colour[place:place + 2], 16) for place in (1, 3, 5)] for one in EMOTIONS.values()])
    linear = np.where(colours <= 10, colours / 255 / 12.92, ((colours / 255 + 0.055) / 1.055)**2.4)
    seen = np.clip(linear @ np.transpose(SIGHTS[sight]), 0, 1)
    encoded = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen**(1 / 2.4) - 0.055)
    lab = cv2.cvtColor(encoded[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 999 * np.eye(len(lab))
    assert apart.min() > 20
