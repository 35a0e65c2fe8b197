"""The same clip has the same label in every dialect of its set's lists; lists that cannot be told are refused."""
import pytest
from mmaction.registry import DATASETS

from mmdfer.datasets import DatasetError, class_names, find_set
from mmdfer.datasets.lists import read_list_file, tell_label_base

from ..official_layouts import write_dfew_copy, write_ferv39k_copy, write_list, write_mafw_copy

DFEW_ORDER = ['happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear']
NOUNS = dict(Angry='Anger', Disgust='disgust', Fear='fear', Happy='happiness', Neutral='neutral', Sad='sadness',
             Surprise='surprised')
MAFW_ORDERS = dict(
    official=['anger', 'disgust', 'fear', 'happiness', 'neutral', 'sadness', 'surprise', 'contempt', 'anxiety',
              'helplessness', 'disappointment'],
    dfer_clip=['happiness', 'sadness', 'neutral', 'anger', 'surprise', 'disgust', 'fear', 'contempt', 'anxiety',
               'helplessness', 'disappointment'],
    alphabetical=['anger', 'anxiety', 'contempt', 'disappointment', 'disgust', 'fear', 'happiness', 'helplessness',
                  'neutral', 'sadness', 'surprise'])


@pytest.fixture(scope='module')
def copies(tmp_path_factory):
    root = tmp_path_factory.mktemp('copies')
    write_dfew_copy(root / 'dfew', tests=(7, 7, 7, 7, 7), classes=None, first_test=None)
    write_ferv39k_copy(root / 'ferv39k', train={name: 3 for name in NOUNS}, test=7, scenes=('Action', 'Crime'))
    write_mafw_copy(root / 'mafw', tests=(11, 11, 11, 11, 11), compound=86)
    return root


def named(kind, root, **kwargs):
    """Label name of each clip of a data set."""
    dataset = DATASETS.build(dict(type=kind, data_root=str(root), pipeline=[], **kwargs))
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    return {dataset.key_of(info['clip']): dataset.metainfo['classes'][info['label']] for info in infos}


def dialect(name, **options):
    return find_set(name).dialect_of_lists(**options)


def lines_of(path):
    return [line for line in path.read_text().splitlines() if line]


# DFEW: official labels are 1 to 7


@pytest.fixture(scope='module')
def dfew_truth(copies):
    """Number and label name of fold 1's training clips, straight from the official list."""
    lines = lines_of(copies / 'dfew/EmoLabel_DataSplit/train(single-labeled)/set_1.csv')[1:]
    return [(int(line.split(',')[0]), DFEW_ORDER[int(line.split(',')[1]) - 1]) for line in lines]


DFEW_DIALECTS = dict(
    official=('video_name,label', '{number},{one}', '\n', 'utf-8'),
    dos_with_mark=('video_name,label', '{number},{one}', '\r\n', 'utf-8-sig'),
    other_columns=('label,path,video_name', '{one},x/y,{number:05d}', '\n', 'utf-8'),
    no_header=(None, '{number:05d},{one}', '\n', 'utf-8'),
    tabs=('video_name\tlabel', '{number}\t{one}', '\n', 'gbk'),
    spaces=(None, '{number:05d} {one}', '\n', 'utf-8'),
    s2d=('video_name,label', '{number:05d},{zero}', '\n', 'utf-8'),
    mae_dfer=(None, '/data/my sets/DFEW/my clips/{number:05d} {zero}', '\n', 'utf-8'),
    dfer_clip=(None, '/data/me/DFEW/Clip/clip_224x224/{number:05d} 99 {zero}', '\n', 'utf-8'),
    dfer_clip_spaced=(None, '/my data/DFEW/{number:05d} 99 {zero}', '\r\n', 'utf-8'),
)


@pytest.mark.parametrize('name', DFEW_DIALECTS)
def test_dfew_dialects_agree(copies, dfew_truth, tmp_path, name):
    header, form, ending, encoding = DFEW_DIALECTS[name]
    lines = [form.format(number=number, zero=DFEW_ORDER.index(label), one=DFEW_ORDER.index(label) + 1)
             for number, label in dfew_truth]
    write_list(tmp_path / 'list', [header, *lines] if header else lines, ending, encoding)
    found = named('DFEWDataset', copies / 'dfew', ann_file=str(tmp_path / 'list'))
    assert found == {str(number): label for number, label in dfew_truth}


def test_a_zero_based_list_in_the_official_place_is_told_by_all_its_classes(tmp_path, dfew_truth):
    root = write_dfew_copy(tmp_path / 'dfew', tests=(7, 7, 7, 7, 7), classes=None, first_test=None)
    path = root / 'EmoLabel_DataSplit/train(single-labeled)/set_1.csv'
    write_list(path, ['video_name,label', *(f'{number},{DFEW_ORDER.index(label)}' for number, label in dfew_truth)])
    assert named('DFEWDataset', root) == {str(number): label for number, label in dfew_truth}
    write_list(path, ['video_name,label', '1,0', '2,5'])
    with pytest.raises(DatasetError, match='labels start at 0, .* set label_base=0'):
        named('DFEWDataset', root)


def test_mixed_line_ends_and_blank_lines_are_read(tmp_path):
    (tmp_path / 'list').write_bytes(b'video_name,label\r\n1,1\n\n2,7\r\n')
    file = read_list_file(str(tmp_path / 'list'))
    assert [(row.line, row.clip, row.label) for row in file.rows] == [(2, '1', '1'), (4, '2', '7')]
    assert file.line_ends == 'CRLF and LF mixed' and file.has_header and file.separator == 'comma'


# FERV39k: the expression is in the path


FERV39K_DIALECTS = dict(
    official='{scene}/{folder}/{number} {folder}', with_commas='{scene}/{folder}/{number},{folder}',
    other_names='{scene}/{folder}/{number} {noun}',
    dfer_clip='/data/x/2_ClipsforFaceCrop/{scene}/{folder}/{number} 99 {dfew}',
    s2d='{scene}/{folder}/{number},{alphabetical}', one_based='{scene}/{folder}/{number} {alphabetical1}',
    own_order='{scene}/{folder}/{number} {reversed}')


@pytest.mark.parametrize('name', FERV39K_DIALECTS)
def test_ferv39k_dialects_agree(copies, tmp_path, name):
    root = copies / 'ferv39k'
    clips = [line.split()[0].split('/') for line in lines_of(root / '4_setups/All_scenes/train_All.csv')]
    alphabetical = sorted(NOUNS)
    write_list(tmp_path / 'list', [FERV39K_DIALECTS[name].format(
        scene=scene, folder=folder, number=number, noun=NOUNS[folder], dfew=DFEW_ORDER.index(folder.lower()),
        alphabetical=alphabetical.index(folder), alphabetical1=alphabetical.index(folder) + 1,
        reversed=6 - alphabetical.index(folder)) for scene, folder, number in clips])
    found = named('FERV39kDataset', root, ann_file=str(tmp_path / 'list'))
    assert found == {f'{scene}/{folder}/{int(number)}': folder.lower() for scene, folder, number in clips}


def test_ferv39k_numbers_that_contradict_the_folders_are_refused(copies, tmp_path):
    write_list(tmp_path / 'list', ['Action/Happy/0000 0', 'Action/Sad/0000 0', 'Action/Fear/0000 1'])
    with pytest.raises(DatasetError, match='label 0 stands for both happy .* and sad'):
        named('FERV39kDataset', copies / 'ferv39k', ann_file=str(tmp_path / 'list'))
    write_list(tmp_path / 'list', ['Action/Happy/0000 Sad', 'Action/Sad/0000 Happy'])
    with pytest.raises(DatasetError, match=r"2 of 2 labels are others .*'Sad' reads as sad, but Action/Happy/0"):
        named('FERV39kDataset', copies / 'ferv39k', ann_file=str(tmp_path / 'list'))
    write_list(tmp_path / 'list', ['Action/Happy/0000 0', 'Action/Fear/0000 2'])
    with pytest.raises(DatasetError, match='1 of 2 labels are others'):
        named('FERV39kDataset', copies / 'ferv39k', ann_file=str(tmp_path / 'list'), class_order='alphabetical')


def test_ferv39k_numbers_without_a_class_in_the_path_are_refused(tmp_path):
    write_list(tmp_path / 'list', [f'{number:04d} {number % 7}' for number in range(14)])
    file = read_list_file(str(tmp_path / 'list'))
    with pytest.raises(DatasetError,
                       match="2 orders of the 7 classes circulate; set class_order to 'dfer_clip', 'alpha"):
        dialect('ferv39k').read(file)
    labels, told = dialect('ferv39k', class_order='alphabetical').read(file)
    assert [class_names('ferv39k')[label] for label in labels[:3]] == ['angry', 'disgust', 'fear']
    assert told == 'labels 0 to 6 in the alphabetical order'


# MAFW: names, or numbers in three orders


@pytest.fixture(scope='module')
def mafw_truth(copies):
    return [
        tuple(line.split()) for line in lines_of(copies / 'mafw/Train & Test Set/single/no_caption/set_1/train.txt')
    ]


@pytest.mark.parametrize('order', MAFW_ORDERS)
@pytest.mark.parametrize('form', ['/data/MAFW/frames/{stem} 99 {label}', '{stem}.mp4,{label}', '{stem}\t{label1}'])
def test_mafw_orders_are_told_by_the_official_lists(copies, mafw_truth, tmp_path, order, form):
    names = MAFW_ORDERS[order]
    write_list(tmp_path / 'list', [form.format(stem=clip[:5], label=names.index(name), label1=names.index(name) + 1)
                                   for clip, name in mafw_truth])
    found = named('MAFWDataset', copies / 'mafw', ann_file=str(tmp_path / 'list'))
    assert found == {str(int(clip[:5])): name for clip, name in mafw_truth}


@pytest.mark.parametrize('order', MAFW_ORDERS)
def test_mafw_orders_alone_need_the_users_word(mafw_truth, tmp_path, order):
    names = MAFW_ORDERS[order]
    write_list(tmp_path / 'list', [f'{clip} {names.index(name)}' for clip, name in mafw_truth])
    file = read_list_file(str(tmp_path / 'list'))
    with pytest.raises(DatasetError, match="3 orders of the 11 classes circulate; set class_order to 'official',"):
        dialect('mafw').read(file)
    for given in (order, names, [name.upper() for name in names]):
        labels, told = dialect('mafw', class_order=given).read(file)
        assert [class_names('mafw')[label] for label in labels] == [name for _, name in mafw_truth]
        assert told == f'labels 0 to 10 in the {order} order'


def test_mafw_lists_with_captions(copies, mafw_truth):
    found = named('MAFWDataset', copies / 'mafw', lists='with_caption')
    assert found == {str(int(clip[:5])): name for clip, name in mafw_truth if name != 'neutral'}


def test_captions_separated_by_spaces(tmp_path):
    write_list(tmp_path / 'list', ['00001.mp4 anger 一个人，皱眉。 A girl, shouting, frowns.'], encoding='gbk')
    row, = read_list_file(str(tmp_path / 'list')).rows
    assert (row.label, row.caption_zh, row.caption) == ('anger', '一个人，皱眉。', 'A girl, shouting, frowns.')


def test_a_compound_may_name_its_parts_in_any_order(tmp_path):
    write_list(tmp_path / 'list', ['00001.mp4 disgust_anger', '00002.mp4 Anger_Disgust', '00003.mp4 anger'])
    labels, _ = dialect('mafw_compound').read(read_list_file(str(tmp_path / 'list')))
    names = class_names('mafw_compound')
    assert [names[label] for label in labels] == ['anger_disgust', 'anger_disgust', 'anger']
    write_list(tmp_path / 'list', ['00001.mp4 anger', '00002.mp4 anger_happiness'])
    with pytest.raises(DatasetError, match="list:2: label='anger_happiness' is no class of mafw_compound"):
        dialect('mafw_compound').read(read_list_file(str(tmp_path / 'list')))


def test_compound_classes_are_43_in_the_documented_order():
    names, singles = class_names('mafw_compound'), MAFW_ORDERS['official']
    assert len(set(names)) == 43 and list(names[:11]) == singles
    rank = [(name.count('_'), [singles.index(part) for part in name.split('_')]) for name in names]
    assert rank == sorted(rank) and all(parts == sorted(set(parts)) for _, parts in rank)


# Refusals


@pytest.mark.parametrize('lines, message', [
    (['1,1,1,1,1'], 'has 5 values; expected a header, or clip label'),
    (['1,1', '2'], ':2: has 1 values; expected 2'),
    (['1\t2\t3', '1\t2'], ':2: has 2 values; expected 3'),
    (['1,1', ',2'], ':2: a value is missing'),
    (['video_name|label', '1|2'], 'has 1 values'),
    (['video_name,feeling', '1,2'], "no column 'label'"), (['label,feeling', '1,2'], "no column 'video_name'"),
])
def test_files_that_are_no_lists_are_refused(tmp_path, lines, message):
    write_list(tmp_path / 'list', lines)
    with pytest.raises(DatasetError, match=message):
        read_list_file(str(tmp_path / 'list'))


@pytest.mark.parametrize('data', [b'PK\x03\x04\0\0', b'1 \xff\xff\xff 2'])
def test_files_that_are_no_text_are_refused(tmp_path, data):
    (tmp_path / 'list').write_bytes(data)
    with pytest.raises(DatasetError, match='list: is no text in UTF-8 or GBK'):
        read_list_file(str(tmp_path / 'list'))
    with pytest.raises(DatasetError, match='cannot be read'):
        read_list_file(str(tmp_path / 'none'))


@pytest.mark.parametrize('order, message', [
    ('backwards', "class_order='backwards' is not known: choose one of"),
    (['anger'], 'is no order of the 11 classes'), (MAFW_ORDERS['official'][:-1] + ['anger'], 'give each of them once'),
    (MAFW_ORDERS['official'][:-1] + ['joy'], 'give each of them once'),
])
def test_orders_that_are_none_are_refused(order, message):
    with pytest.raises(DatasetError, match=message):
        dialect('mafw', class_order=order)


@pytest.mark.parametrize('labels, expected', [([0, 6], 0), ([1, 7], 1), ([0, 1, 2], 0)])
def test_bases_of_lists_whose_release_has_none(labels, expected):
    assert tell_label_base('list', labels, 7, None, official_base=None) == expected


@pytest.mark.parametrize('labels, message',
                         [([1, 6], 'fit both'), ([0, 7], 'one class too many'), ([3, 9], 'from 3 to 9')])
def test_bases_that_cannot_be_told(labels, message):
    with pytest.raises(DatasetError, match=message):
        tell_label_base('list', labels, 7, None, official_base=None)


def test_the_dialect_is_named_in_the_log(copies, monkeypatch):
    said = []
    monkeypatch.setattr('mmdfer.datasets.listed_dataset.print_log', lambda text, *args, **kw: said.append(text))
    named('DFEWDataset', copies / 'dfew')
    assert len(said) == 1 and said[0].endswith(
        'set_1.csv: 28 clips, video_name label separated by commas, with header, '
        'UTF-8, CRLF; labels 1 to 7 in the official order')


def test_single_contradictions_are_warned_of(copies, dfew_truth, tmp_path, monkeypatch):
    """A user's own list may correct a label or two; most being others means another order."""
    said = []
    monkeypatch.setattr('mmdfer.datasets.lists.dialects.print_log', lambda text, *args, **kw: said.append(text))
    lines = [f'{number} {DFEW_ORDER.index(label) + 1}' for number, label in dfew_truth]
    number, label = dfew_truth[0]
    corrected = (DFEW_ORDER.index(label) + 1) % 7
    write_list(tmp_path / 'list', [f'{number} {corrected + 1}', *lines[1:]])
    found = named('DFEWDataset', copies / 'dfew', ann_file=str(tmp_path / 'list'), label_base=1)
    assert found[str(number)] == DFEW_ORDER[corrected] and '1 of 28 labels are others' in said[0]
