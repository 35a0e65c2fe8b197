"""Lists as they circulate, with what goes wrong in them: each is read rightly, or refused with its file and line."""
import pytest

from mmdfer.datasets import DatasetError, DFEWDataset, FERV39kDataset, MAFWDataset, class_names
from mmdfer.datasets.errors import ListError

DFEW = [f'{number:05d},{number}' for number in range(1, 8)]          # a clip of each class, labels 1 to 7
SPACED = [row.replace(',', ' ') for row in DFEW]
MANY = '9' * 5000


def text(*lines, end='\n', encoding='utf-8'):
    return (end.join(lines) + end).encode(encoding)


# A kind of fault, the file's bytes, and the clip names with their classes in the order of the list.
HAPPY_TO_FEAR = list(zip([f'{number:05d}' for number in range(1, 8)], class_names('dfew')))
READ = {
    'header: video_name,labels': text('video_name,labels', *DFEW),
    'header: path,id': text('path,id', *DFEW),
    'header: id,label': text('id,label', *DFEW),
    'header: path,id,label reads label': text('path,id,label', *(f'{row.split(",")[0]},9,{row[-1]}' for row in DFEW)),
    'header: capitals and a space': text('Video Name, Label ', *DFEW),
    'header: an index before it': text(',video_name,label', *(f'{place},{row}' for place, row in enumerate(DFEW))),
    'header: quoted': text('"video_name","label"', *('"{}","{}"'.format(*row.split(',')) for row in DFEW)),
    'header: num_frames too': text('path,num_frames,label', *(f'{row[:5]},16,{row[-1]}' for row in DFEW)),
    'header: emotion': text('filename,emotion', *DFEW),
    'header: separated by spaces': text('video_name label', *SPACED),
    'header: separated by semicolons': text('video_name;label', *(row.replace(',', ';') for row in DFEW)),
    'fields: separator at each end': text('video_name,label', *(f'{row},,' for row in DFEW)),
    'fields: separator at each end, header too': text('video_name,label,', *(f'{row},' for row in DFEW)),
    'labels: written as 1.0': text('video_name,label', *(f'{row}.0' for row in DFEW)),
    'labels: spaces around': text('video_name , label', *(f' {row[:5]} ,  {row[-1]} ' for row in DFEW)),
    'paths: backslashes': text(*(f'D:\\data\\DFEW\\Clip\\clip_224x224\\{row}' for row in DFEW)),
    'paths: backslashes and a header': text('video_name,label', *(f'Clip\\clip_224x224\\{row}' for row in DFEW)),
    'paths: a slash at the end': text(*(row.replace(',', '/,') for row in DFEW)),
    'paths: a dot before': text(*(f'./{row}' for row in DFEW)),
    'paths: spaces above the clip': text(*(f'/my data/DFEW set/{row}' for row in SPACED)),
    'bytes: CRLF': text('video_name,label', *DFEW, end='\r\n'),
    'bytes: CR alone': text('video_name,label', *DFEW, end='\r'),
    'bytes: UTF-8 with a mark': text('video_name,label', *DFEW, encoding='utf-8-sig'),
    'bytes: UTF-16 with a mark': text('video_name\tlabel', *(row.replace(',', '\t') for row in DFEW), end='\r\n',
                                      encoding='utf-16'),
    'bytes: UTF-16 the other way round': b'\xfe\xff' + text('video_name,label', *DFEW, encoding='utf-16-be'),
    'bytes: UTF-32 with a mark': text('video_name,label', *DFEW, encoding='utf-32'),
    'bytes: a mark before the first row': text('\ufeff' + DFEW[0], *DFEW[1:], encoding='utf-8-sig'),
    'rows: blank ones': text('', 'video_name,label', '', *DFEW[:3], '   ', *DFEW[3:], ''),
    'rows: blank ones of a spreadsheet': text('video_name,label', *DFEW[:3], ',', ' , ', '""', *DFEW[3:], ',,,'),
}
REFUSED = {
    'header: unknown words': (text('video_name,feeling', *DFEW), ":1: has no column 'label'"),
    'header: two of the same name': (text('video_name,label,label', '1,2,3'), ":1: names the column 'label' 2 times"),
    'header: once more in the middle': (text('video_name,label', *DFEW[:3], 'video_name,label', *DFEW[3:]),
                                        ":5: label='label' is no number"),
    'fields: one more than the header': (text('video_name,label', *DFEW, '00003,3,4'), ':9: has 3 values; expected 2'),
    'fields: a clip with a comma': (text('video_name,label', *DFEW, 'a, b.mp4,3'), ':9: has 3 values; expected 2'),
    'fields: one fewer than the header': (text('video_name,size,label', '00001,3,1', '00002,2'),
                                          ':3: has 2 values; expected 3'),
    'fields: one fewer, the label is there': (text('video_name,label,size', '00001,1,3', '00002,2'),
                                              ':3: has 2 values; expected 3'),
    'fields: frames in one row alone': (text(*SPACED, '00009 16 3'), ':8: has 3 values; expected 2'),
    'fields: no frames in one row': (text('00001 16 1', 'my/clip 3'), ':2: has 2 values|:2: frames='),
    'fields: frames that are none': (text('00001 16 1', 'my clip x 3'), ":2: frames='x' is no number"),
    'fields: spaces with a header': (text('video_name label', *SPACED, '00009 16 3'), ':9: has 3 values; expected 2'),
    'fields: quotes not closed': (text('video_name,label', DFEW[0], '"00002,2', *DFEW[2:]), ':3: its quotes cannot'),
    'fields: another separator in one row': (text('video_name,label', DFEW[0], '00002;2'), ':3: has 1 values'),
    'labels: --1': (text('video_name,label', *DFEW, '00001,--1'), ":9: label='--1' is no number; expected 1 to 7"),
    'labels: -': (text('video_name,label', *DFEW, '00001,-'), ":9: label='-' is no number"),
    'labels: ²': (text('video_name,label', *DFEW, '00001,²'), ":9: label='²' is no number"),
    'labels: ٣ and 3 of full width': (text(*DFEW, '00001,٣', '00002,３'),
                                      ":8: label='٣' is no number.*and 1 more lines: 9"),
    'labels: 5,000 digits': (text('video_name,label', *DFEW, f'00001,{MANY}'), r":9: label='9{40}\.\.\.' is no number"),
    'labels: 2.5': (text('video_name,label', *DFEW, '00001,2.5'), ":9: label='2.5' is no number"),
    'labels: 1e0': (text('video_name,label', *DFEW, '00001,1e0'), ":9: label='1e0' is no number"),
    'labels: nan': (text('video_name,label', *DFEW, '00001,nan'), ":9: label='nan' is no number"),
    'labels: 0x1': (text('video_name,label', *DFEW, '00001,0x1'), ":9: label='0x1' is no number"),
    'labels: a name among numbers': (text('video_name,label', *DFEW, '00001,happy'), ":9: label='happy' is no number"),
    'labels: -1': (text('video_name,label', *DFEW, '00009,-1'), r':9: labels run from -1 to 7; .*\(line 9 has -1\)'),
    'labels: 8 of 7': (text('video_name,label', *DFEW, '00009,8'), r':9: labels run from 1 to 8; .*\(line 9 has 8\)'),
    'labels: none': (text('video_name,label', *DFEW, '00001,'), ':9: a value is missing'),
    'rows: no clip': (text('video_name,label', *DFEW, ',3'), ':9: a value is missing'),
    'rows: duplicates that disagree': (text('video_name,label', *DFEW, '1,2'),
                                       ':9: 1 is listed as happy in line 2 and as sad; keep one'),
    'rows: several that disagree': (text('video_name,label', *DFEW, '1,2', '002,1'), ':9: 1 is .*1 more lines: 10'),
    'bytes: UTF-16 without a mark': (text('video_name,label', *DFEW, encoding='utf-16-le'), ': is no text in UTF-8'),
    'bytes: a table of another program': (b'PK\x03\x04' + bytes(40), ': is no text in UTF-8'),
    'bytes: cut in a character': (b'\xff\xfe' + text('video_name,label', encoding='utf-16-le')[:-1],
                                  ': is no text in UTF-16'),
}


def write(folder, data):
    path = folder / 'list.csv'
    path.write_bytes(data)
    return str(path)


def read(path, kind=DFEWDataset, test_mode=False, **options):
    """Clip names and class names of a list, as a set of this kind reads it, without its clips."""
    dataset = kind(pipeline=[], ann_file=path, lazy_init=True, test_mode=test_mode, **options)
    return [(name, dataset.metainfo['classes'][label]) for name, label in dataset.read_list()]


@pytest.mark.parametrize('data', READ.values(), ids=READ)
def test_a_list_is_read_rightly(tmp_path, data):
    assert read(write(tmp_path, data), label_base=1) == HAPPY_TO_FEAR


@pytest.mark.parametrize('data, message', REFUSED.values(), ids=REFUSED)
def test_a_list_is_refused_with_its_file_and_line(tmp_path, data, message):
    with pytest.raises(DatasetError, match=f'list.csv({message})') as caught:
        read(write(tmp_path, data))
    assert len(str(caught.value)) < 600 and '\n' not in str(caught.value)


def test_enough_was_tried():
    assert len(READ) + len(REFUSED) >= 60


def test_an_error_tells_of_every_line(tmp_path):
    rows = [f'{number:05d},{number % 7 + 1}' + ',9' * (number % 2) for number in range(40)]
    told = r'list.csv:2: has 3 values.* \(and 19 more lines: 4, 6, 8, 10, 12, \.\.\.\)'
    with pytest.raises(ListError, match=told) as caught:
        read(write(tmp_path, text(*rows)))
    assert [line.split(':')[0] for line in caught.value.lines] == [f'line {number}' for number in range(2, 41, 2)]


def test_clips_that_a_test_lists_twice_would_count_twice(tmp_path):
    path = write(tmp_path, text('video_name,label', *DFEW, '3,3', '00004.mp4,4'))
    assert len(read(path)) == 9
    with pytest.raises(ListError, match=r'list.csv:9: 3 is listed in line 4 too .* \(and 1 more lines: 10\)'):
        read(path, test_mode=True)


@pytest.mark.parametrize('name, key', [
    ('²', '²'), ('٣', '٣'), ('0' * 5000, '0'), ('7' * 5000, '7' * 5000), ('D:\\clips\\00012.MP4', '12'),
    ('a\\b\\', 'b'), ('Cafe\u0301.mp4', 'Caf\u00e9'), ('/', '/'), ('00000', '0')])
def test_keys_of_awkward_names(name, key):
    assert DFEWDataset.key_of(name) == key


def test_backslashes_of_a_set_whose_folders_carry_the_class(tmp_path):
    rows = [f'E:\\FERV39k\\2_ClipsforFaceCrop\\Action\\{name.capitalize()}\\0001,{place}'
            for place, name in enumerate(sorted(class_names('ferv39k')))]
    found = read(write(tmp_path, text('path,id', *rows)), FERV39kDataset)
    assert found == [(f'Action/{name.capitalize()}/0001', name) for name in sorted(class_names('ferv39k'))]


def test_a_number_among_names_and_a_word_among_numbers(tmp_path):
    names = [f'{number:05d}.mp4 {name}' for number, name in enumerate(class_names('mafw'), 1)]
    with pytest.raises(DatasetError, match="list.csv:12: label='7' is no class of mafw"):
        read(write(tmp_path, text(*names, '00012.mp4 7')), MAFWDataset)
    numbers = [f'{number:05d}.mp4 {number}' for number in range(1, 12)]
    with pytest.raises(DatasetError, match="list.csv:12: label='anger' is no number"):
        read(write(tmp_path, text(*numbers, '00012.mp4 anger')), MAFWDataset, class_order='official')
    with pytest.raises(DatasetError, match="list.csv:12: label='--1' is no number"):
        read(write(tmp_path, text(*numbers, '00012.mp4 --1')), MAFWDataset, class_order='official')
