"""The papers' tables as data: their shape, every cell, what contradicts them, and the configs that are their rows."""
from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from statistics import mean

import pytest
import yaml

from mmdfer.config_names import config_files
from mmdfer.config_rows import find_row, read_rows, row_files, row_names
from mmdfer.datasets import DFEWDataset
from mmdfer.runs.paper_table import quote
from mmdfer.runs.published import SETS, all_rows_of, find_table, paper_row, printed_pairs, published, read_papers
from mmdfer.runs.published.reading import find_paper, read_neighbours

from ..conftest import ROOT

SOURCE = ROOT.parent / 'shared' / 'data' / 'published.yaml'
TABLES = [table for paper in read_papers().values() for table in paper.tables.values()]
SHAPES = {                          # rows, columns, figures that are printed
    'FE-Adapter I': (3, 6, 18), 'FE-Adapter II': (4, 6, 24), 'FE-Adapter III': (5, 4, 20), 'FE-Adapter IV': (3, 4, 12),
    'FE-Adapter V': (10, 6, 44), 'PE-CLIP 3': (19, 4, 68), 'PE-CLIP 4': (9, 9, 81), 'PE-CLIP 5': (3, 2, 6),
    'PE-CLIP 6': (5, 2, 10), 'PE-CLIP 7': (4, 2, 8), 'PE-CLIP 8': (4, 2, 8), 'PE-CLIP 9': (3, 2, 6),
    'PE-CLIP 10': (5, 2, 10), 'FineCLIPER 1': (23, 6, 102), 'FineCLIPER 2': (12, 9, 108), 'FineCLIPER 3': (8, 6, 44),
    'FineCLIPER 4': (4, 6, 24), 'FineCLIPER 5': (5, 6, 30)}


def test_the_shape_of_every_table():
    assert {table.name: (len(table.rows), len(table.columns), len(list(table.cells()))) for table in TABLES} == SHAPES
    assert len(TABLES) == 18 and sum(len(table.rows) for table in TABLES) == 129
    assert sum(len(list(table.cells())) for table in TABLES) == 623
    for table in TABLES:
        keys = [row.row for row in table.rows]
        assert len(set(keys)) == len(keys) and all(re.fullmatch('[a-z0-9_]+', key) for key in keys)
        assert all(0 <= value <= 100 for _, _, value in table.cells())


@pytest.fixture(scope='module')
def source():
    """The result tables as they were taken from the papers, beside the project."""
    if not SOURCE.is_file():
        pytest.skip(f'the papers\' figures are not at {SOURCE}')
    return yaml.load(SOURCE.read_text(encoding='utf-8'), getattr(yaml, 'CSafeLoader', yaml.SafeLoader))['tables']


def test_every_cell_is_the_papers(source):
    counted = 0
    for theirs, ours in zip(source, TABLES, strict=True):
        assert ours is find_table(theirs['paper'], theirs['table'])
        assert [column.name for column in ours.columns] == theirs['columns']
        for row, there in zip(ours.rows, theirs['rows'], strict=True):
            full = dict(zip(theirs['columns'], there['values']), **there.get('completed') or {})
            counted += sum(value is not None for value in there['values'])
            assert [row.value(column) for column in ours.columns] == [full[name] for name in theirs['columns']]
            assert row.tunable == there['tunable_m'] and row.venue == there['venue']
            assert row.backbone == there['backbone'] and row.chosen == bool(there.get('ours'))
            assert row.label_lost == bool(there.get('label_lost')) == (row.name is None)
            read = dict(zip(theirs['columns'], there['values']))
            assert {name: how['read'] for name, how in row.completed.items()} == {
                name: read[name] for name in there.get('cut', ())}
            for name, how in row.completed.items():
                assert (how['from'] is None) == there['completed']['from'].startswith('not in')
                assert str(full[name]).startswith(str(how['read']))
    assert counted == 623


def test_the_notes_are_in_words_of_their_own(source):
    theirs = {note for table in source for note in table['notes']}
    assert not theirs & {note.says for table in TABLES for note in table.notes}


def test_a_note_is_about_something_that_is_there():
    for table in TABLES:
        columns, rows = {column.name for column in table.columns}, {row.row for row in table.rows}
        for note in table.notes:
            assert note.says.endswith('.') and not note.says.endswith('..')
            for place in note.at:
                row, _, rest = place.partition('.')
                assert row in rows and (not rest or any(f'{name}.'.startswith(f'{rest}.') for name in columns)), place


def noted(table, row, column):
    return any(note.touches(row.row, column) for note in (*table.notes, *table.lost_digits()))


def test_papers_that_contradict_each_other_are_told_at_both_figures():
    """Of every method that several tables compare with: two figures of one thing are never left without a word."""
    printed = defaultdict(list)
    for table in TABLES:
        for row, column, value in table.cells() if table.compares and table.name != 'FineCLIPER 3' else ():
            printed[row.title, column.name].append((table, row, column, value))
    found = set()
    for (method, _), cells in printed.items():
        if len({value for *_, value in cells}) > 1:
            found.add((method, cells[0][2].name))
            assert all(noted(*cell[:3]) for cell in cells), [cell[1:] for cell in cells]
    assert found == {('DFER-CLIP', 'mafw.uar'), ('EST', 'dfew.uar'), ('Dual-STI', 'dfew.uar'),
                     ('Dual-STI', 'dfew.war'), ('S2D', 'dfew.uar'), ('S2D', 'dfew.war')}


def test_recalls_that_do_not_make_the_printed_figures_are_told():
    counts = dict(zip(DFEWDataset.METAINFO['classes'], (2445, 1894, 2669, 2173, 1469, 145, 902)))
    assert sum(counts.values()) == DFEWDataset.TOTAL
    found = defaultdict(set)
    for table in TABLES:
        uar, war = table.columns[-2:]
        for row in table.rows if table.recalls else ():
            weighted = sum(row.recall[name] * count for name, count in counts.items()) / sum(counts.values())
            for column, made in ((uar, mean(row.recall.values())), (war, weighted)):
                if abs(made - row.value(column)) > 0.015:
                    found[table.name].add(row.row)
                    assert noted(table, row, column), (table.name, row.row, column.name, made)
    assert found['PE-CLIP 4'] >= {'ial', 'm3dfel', 'dual_sti', 'pe_clip', 'ceflnet'}
    assert found['FineCLIPER 2'] >= {'finecliper', 'finecliper_maps', 'finecliper_captions', 'finecliper_all', 's2d'}
    surprise = next(one for one in find_table('pe_clip', '4').columns if one.of_class == 'surprise')
    assert noted(find_table('pe_clip', '4'), find_table('pe_clip', '4').rows[-1], surprise)


LINKS = [(table, row, dataset, name) for table in TABLES for row in table.rows for dataset in row.figures
         for name in row.configs_of(dataset)]


def stem_of(name):
    """The file stem of a config that is there, by its name."""
    row = find_row(name)
    if row is not None:
        return row[0].stem(row[1])
    assert name in config_files(), name
    return name.rpartition('/')[2]


def test_every_config_with_a_row_finds_it():
    for table, row, dataset, name in LINKS:
        rows = all_rows_of(stem_of(name), dataset)
        assert (table, row) in rows
        first = rows[0][1].figures[dataset]
        quoted = paper_row(stem_of(name), dataset)
        assert (quoted['uar'], quoted['war']) == (pytest.approx(first[0] / 100), pytest.approx(first[1] / 100))
        if row.figures[dataset] != first:                   # several tables, other figures: told
            assert quoted['remarks'] and table.remarks_on(row, dataset)


def test_no_config_of_the_papers_is_left_without_a_row():
    """But for those that the papers have no figures of."""
    linked = {stem_of(name) for *_, name in LINKS}
    starts = ('fe_adapter_', 'pe_clip_', 'finecliper_')
    ours = {name for name in config_files() if name.startswith(starts)}
    assert {name for name in ours - linked if 'zeroshot' not in name} == {
        'pe_clip_vitb16_mafw', 'pe_clip_vitb16_afew', 'fe_adapter_vitb_mafw_compound', 'fe_adapter_vitb_afew'}
    assert {'dfer_clip_vitb32_dfew', 'dfer_clip_vitb32_mafw', 'c3d_dfew'} <= linked


def test_rows_of_tables_carry_no_figures_themselves():
    for path in row_files().values():
        assert not any(row.published for row in read_rows(path).rows), f'{path}: link from runs/published instead'
    assert printed_pairs(find_row('fe_adapter/blocks_1_to_4')[0].stem, SETS) == {
        'ferv39k': (35.41, 45.67), 'mafw': (34.15, 48.22)}
    known = {name for name in row_names(datasets=True) if printed_pairs(
        lambda _, name=name: stem_of(name), [find_row(name)[1]])}
    assert {'pe_clip/reduction_16', 'finecliper/parsing@mafw', 'finecliper_zeroshot/ferv39k_to_dfew'} <= known


def test_a_row_beside_a_run():
    row = paper_row('pe_clip_vitb16_dfew', 'dfew')
    assert (row['model'], row['paper'], row['tunable'], row['uar'], row['war']) == (
        'PE-CLIP', 'ACM TOMM', 9_000_000, 0.6282, 0.7404)
    assert row['recall']['surprise'] == 0.851 and any('57.10' in remark for remark in row['remarks'])
    assert paper_row('finecliper_vitb16_mafw', 'mafw')['war'] == 0.5691
    assert any('look into the paper' in remark for remark in paper_row('finecliper_vitb16_mafw', 'mafw')['remarks'])
    assert '39.89' in ' '.join(paper_row('dfer_clip_vitb32_mafw', 'mafw')['remarks'])
    assert paper_row('pe_clip_reduction_16_dfew', 'dfew')['note'] == 'table 9: reduction 16'
    assert paper_row('fe_adapter_vitb_dfew', 'mafw') is None and paper_row('st_adapter_vitb_dfew', 'dfew') is None


@pytest.mark.parametrize('dataset', SETS)
def test_what_is_printed_for_a_set_is_each_pair_once(dataset):
    rows = published(dataset)
    assert [row['war'] for row in rows] == sorted((row['war'] for row in rows), reverse=True)
    pairs = {(row['model'], row['note'], row['uar'], row['war']) for row in rows}
    assert len(pairs) == len(rows)
    for table in TABLES:
        for row in table.rows if table.compares else ():
            if dataset in row.figures:
                uar, war = row.figures[dataset]
                assert any(one['model'] == row.title and one['uar'] == pytest.approx(uar / 100)
                           and one['war'] == pytest.approx(war / 100) and table.name in one['printed'] for one in rows)
    assert {row.name for row in read_neighbours() if dataset in row.figures} <= {row['model'] for row in rows}


def test_a_misspelt_paper_or_table_is_told_with_the_nearest():
    assert find_table('FE-Adapter', 'III') is find_table('fe_adapter', 'table3') is find_table('fe-adapter', '3')
    with pytest.raises(ValueError, match="fe_adaptor: there is no such paper; did you mean 'fe_adapter'"):
        find_paper('fe_adaptor')
    with pytest.raises(ValueError, match=r'pe_clip table2: .* choose one of|did you mean'):
        find_table('pe_clip', 'table2')


PAIR = re.compile(r'\b(\d\d\.\d\d)\s*/\s*(\d\d\.\d\d)\b')
GENERATED = re.compile(r'<!-- mmdfer .*?-->\n.*?<!-- end -->', re.S)


def test_no_page_quotes_a_paper_by_hand():
    """Pairs of figures in the project's texts are ours, or stand in a table that is made of this data."""
    known = {(f'{uar:.2f}', f'{war:.2f}') for table in TABLES for row in table.rows
             for uar, war in row.figures.values()}
    pages = [path for folder in ('configs', 'projects', 'README.md') for path in (
        [ROOT / folder] if folder.endswith('.md') else (ROOT / folder).rglob('*.md'))]
    assert len(pages) > 20
    for path in pages:
        text = GENERATED.sub('', Path(path).read_text(encoding='utf-8'))
        assert not known & set(PAIR.findall(text)), f'{path}: make its table by mmdfer reproduce PAPER TABLE --quote'


QUOTED = re.compile(r'<!-- mmdfer reproduce (\w+) (\w+) --quote -->\n(.*?)<!-- end -->', re.S)


def test_quoted_tables_of_pages_are_made_of_the_data():
    found = [(path, *block) for path in (ROOT / 'configs').rglob('*.md')
             for block in QUOTED.findall(path.read_text(encoding='utf-8'))]
    assert ('finecliper', 'table3') in {block[1:3] for block in found}
    for path, paper, table, text in found:
        assert text == quote(find_table(paper, table)).markdown(heading=False), path


def test_the_papers_counts_beside_ours_are_the_papers():
    """In the page of the rows, by the names of the rows in each line."""
    page = (ROOT / 'configs/ablations/README.md').read_text(encoding='utf-8')
    counts = {name.partition('@')[0]: row.tunable for _, row, _, name in LINKS if row.tunable is not None}
    checked, paper = 0, None
    for line in page.splitlines():
        paper = {'## PE-CLIP': 'pe_clip', '## FineCLIPER': 'finecliper'}.get(line, paper)
        told = re.search(r'\| ([\d.]+) M \|$', line)
        if paper and told:
            for name in re.findall('`([a-z0-9_]+)`', line):
                if f'{paper}/{name}' in counts:
                    assert counts[f'{paper}/{name}'] == float(told[1]), line
                    checked += 1
    assert checked >= 10
