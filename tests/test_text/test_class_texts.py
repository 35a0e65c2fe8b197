"""Texts of the classes: the papers' words, templates, and files of one's own."""
import json

import pytest

from mmdfer.datasets import class_names
from mmdfer.labels import EMOTIONS
from mmdfer.text import class_texts, tokenize
from mmdfer.text.class_texts import TEMPLATES

SOURCES = ('noun', 'adjective', 'action_units', 'descriptions')


def test_action_units_are_the_papers():
    texts = dict(zip(class_names('dfew'), class_texts('dfew', 'action_units'), strict=True))
    assert texts['happy'] == ['Cheek Raiser, Lip Corner Puller']
    assert texts['disgust'] == ['Nose Wrinkler, Lip Corner Depressor, Lower Lip Depressor']
    assert texts['surprise'] == ['Inner Brow Raiser, Outer Brow Raiser, Upper Lid Raiser, Jaw Drop']


@pytest.mark.parametrize('source', SOURCES)
@pytest.mark.parametrize('dataset', ['dfew', 'affectnet'])
def test_every_class_has_texts_of_its_own_that_fit_the_context(dataset, source):
    texts = class_texts(dataset, source, templates='faces')
    assert [len(of) for of in texts] == [len(texts[0])] * len(class_names(dataset))
    assert len(texts[0]) % len(TEMPLATES['faces']) == 0
    flat = [text for of in texts for text in of]
    assert len(set(flat)) == len(flat)
    tokenize(flat)


def test_all_emotions_have_texts():
    assert all(class_texts(classes=[name], source=source)[0] for name in EMOTIONS for source in SOURCES)


def test_compound_classes_join_their_emotions():
    assert class_texts(classes=['anger_disgust'], templates='a face of {}.') == [['a face of anger and disgust.']]
    assert class_texts(classes=['happiness_surprise'], source='action_units')[0][0].startswith(
        'Cheek Raiser, Lip Corner Puller, Inner Brow Raiser')


@pytest.mark.parametrize('suffix', ['yaml', 'json'])
def test_a_file_of_ones_own_gives_texts_in_the_sets_order(tmp_path, suffix):
    names = class_names('dfew')
    content = {name: [f'{name} one', f'{name} two'] for name in reversed(names)}
    content['fear'] = 'one text'
    path = tmp_path / f'texts.{suffix}'
    path.write_text(json.dumps(content), encoding='utf-8')
    texts = class_texts('dfew', file=str(path), templates=['see {}'])
    assert texts[0] == ['see happy one', 'see happy two'] and texts[-1] == ['see one text']


@pytest.mark.parametrize('content, told', [
    ({'happy': 'a'}, 'lacks sad'),
    (dict({name: 'a' for name in class_names('dfew')}, joy='a'), 'has joy'),
    (dict({name: 'a' for name in class_names('dfew')}, fear=[]), 'fear needs a text'),
    (dict({name: 'a' for name in class_names('dfew')}, fear={'long': 'a'}), "fear has no 'noun', only long"),
    (['a'], 'expected a mapping of class names'),
])
def test_a_file_that_does_not_fit_is_told(tmp_path, content, told):
    path = tmp_path / 'texts.json'
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=told):
        class_texts('dfew', file=str(path))


@pytest.mark.parametrize('kwargs, told', [
    (dict(dataset='dfew', source='emoji'), "texts: source='emoji' is not known: choose one of action_units, adjective"),
    (dict(dataset='dfew', source='action_unit'), "did you mean 'action_units'"),
    (dict(dataset='dfew', templates=['no place']), 'needs {}'),
    (dict(dataset='nowhere'), "'nowhere' is no data set known here: choose one of"),
    (dict(classes=['walking']), 'is no emotion'),
    (dict(), 'They come from the data of a run, by mmdfer.run_config.flow_classes'),
    (dict(dataset='dfew', file='/missing.yaml'), 'cannot be read'),
])
def test_bad_settings_are_named(kwargs, told):
    with pytest.raises(ValueError, match=told):
        class_texts(**kwargs)


def test_a_file_serves_some_of_its_classes(tmp_path):
    path = tmp_path / 'texts.yaml'
    path.write_text('happy: a\nsad: b\nangry: c\n')
    assert class_texts(file=str(path), classes=('angry', 'happy')) == [['c'], ['a']]


def test_a_file_of_emotions_serves_classes_of_any_name(tmp_path):
    path = tmp_path / 'texts.yaml'
    path.write_text('happiness: a\nanger: b\nsad: c\nsadness: d\nmy own: e\n')
    assert class_texts(file=str(path), classes=('angry', 'Happy', 'sad', 'my own')) == [['b'], ['a'], ['c'], ['e']]
    with pytest.raises(ValueError, match=r"lacks Sad: did you mean 'sad'"):
        class_texts(file=str(path), classes=['Sad'])                    # two entries are of this emotion
    with pytest.raises(ValueError, match="lacks my oven: did you mean 'my own'"):
        class_texts(file=str(path), classes=['my oven'])


def test_texts_follow_the_order_of_the_classes():
    names = class_names('mafw')
    texts = dict(zip(names, class_texts(classes=names, source='descriptions'), strict=True))
    assert class_texts(classes=names[::-1], source='descriptions') == [texts[name] for name in names[::-1]]
