"""Every class of every set has an emotion, a colour and words."""
import re

import pytest

from mmdfer.labels import EMOTIONS, class_colours, class_names, emotion_of

SETS = dict(dfew=7, ferv39k=7, mafw=11, mafw_compound=43, rafdb=7, affectnet=8, affectnet7=7, ferplus=8)


@pytest.mark.parametrize('name, size', SETS.items())
def test_classes_have_words_and_colours(name, size):
    names = class_names(name)
    emotions = [emotion_of(name, one) for one in names]
    assert len(set(names)) == len({emotion.short for emotion in emotions}) == size
    assert len({emotion.sentence for emotion in emotions}) == len({emotion.adjective for emotion in emotions}) == size
    assert all(re.fullmatch('#[0-9a-f]{6}', emotion.colour) for emotion in emotions)
    assert class_colours(names) == [emotion.colour for emotion in emotions]


def test_the_same_emotion_is_one_over_the_sets():
    assert emotion_of('dfew', 'angry') is emotion_of('mafw', 'anger') is emotion_of('ferv39k', 'angry')
    assert class_names('ferv39k') == class_names('dfew')


def test_a_compound_joins_its_parts():
    emotion = emotion_of('mafw_compound', 'anger_disgust_contempt')
    assert emotion.noun == 'anger, disgust and contempt' and emotion.short == 'AN+DI+CO'
    assert emotion.adjective == 'angry, disgusted and contemptuous'
    assert emotion.sentence == 'A person with an expression of anger, disgust and contempt.'
    parts = [EMOTIONS[part].colour for part in ('anger', 'disgust', 'contempt')]
    assert int(emotion.colour[1:3], 16) == round(sum(int(colour[1:3], 16) for colour in parts) / 3)


def test_unknown_sets_and_names():
    with pytest.raises(ValueError, match="dataset='afew' is not known"):
        class_names('afew')
    assert class_colours(('joy', 'happy')) == ['#555555', EMOTIONS['happiness'].colour]
