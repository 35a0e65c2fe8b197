"""A comparison of models as tables and sentences, for the terminal, Markdown and a page."""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ...evaluation.fold_summary import MEANINGS
from .cells import Cell, chance, count, percent, points, points_range, ranged
from .page import environment
from .tables import Table, bootstrap_told

SHOWN = 12


def render_comparison_markdown(found: Mapping[str, Any]) -> str:
    """The content of ``compare.json`` (:mod:`mmdfer.runs.comparison`) as Markdown."""
    return environment().get_template('compare.md').render(**_context(found))


def render_comparison_html(found: Mapping[str, Any], pictures: Sequence[str]) -> str:
    """The page, with a data URI of the difference of confusions for each pair."""
    return environment().get_template('compare.html').render(**_context(found), pictures=list(pictures))


def _context(found: Mapping[str, Any]) -> dict[str, Any]:
    names = [model['name'] for model in found['models']]
    return dict(
        found=found, names=names, meaning=MEANINGS[found['epoch']], bootstrap=bootstrap_told(found['bootstrap']),
        models=model_table(found), tests=test_table(found), shown=SHOWN,
        verdicts=[verdict(found, pair) for pair in found['pairs']],
        classes=[class_table(found, pair) for pair in found['pairs']],
        changed=[changed_table(found, pair) for pair in found['pairs']])


def model_table(found: Mapping[str, Any]) -> Table:
    """A row a model: UAR and WAR, means over its runs, with their intervals."""
    several = any(model['uar']['std'] is not None for model in found['models'])
    head = ['model', 'runs', 'UAR', '95 %', 'WAR', '95 %']
    rows = []
    for model in found['models']:
        cells: list[str] = [model['name'], count(model['runs'])]
        for key in ('uar', 'war'):
            deviation = f' ± {percent(model[key]["std"])}' if model[key]['std'] is not None else ''
            cells += [Cell(percent(model[key]['mean']) + deviation, model[key]['mean']), ranged(model[key])]
        rows.append(cells)
    if not several and all(model['runs'] == 1 for model in found['models']):
        head, rows = [head[0], *head[2:]], [[row[0], *row[2:]] for row in rows]
    return Table(head, rows)


def test_table(found: Mapping[str, Any]) -> Table:
    """A row a test: the difference, its interval, p, and p corrected for the number of pairs."""
    several, rows = len(found['pairs']) > 1, []
    for pair in found['pairs']:
        between = ' − '.join(found['models'][pair[side]]['name'] for side in 'ab')
        lines: list[tuple[str, str, str, Any]] = [
            ('paired bootstrap, ' + key.upper(), points(pair[key]['difference']), points_range(pair[key]), pair[key])
            for key in ('uar', 'war')]
        clips = pair['clips']
        by = 'exact' if clips['test'] == 'exact' else 'chi-squared'
        lines.append((f'McNemar over clips ({by})', f'{clips["better"]} : {clips["worse"]}', '', clips))
        for key in ('uar', 'war'):
            test = pair[f'wilcoxon_{key}']
            if test['pairs'] > 1:
                told = '' if test['enough'] else f'cannot be below {chance(test["least"])}'
                lines.append((f'Wilcoxon over {test["pairs"]} pairs, {key.upper()}', '', told, test))
        for test, difference, inside, values in lines:
            cells = [test, difference, inside, chance(values['p'])]
            rows.append([between, *cells, chance(values['holm'])] if several else cells)
    head = ['test', 'difference', '95 %', 'p']
    return Table(['models', *head, 'p, Holm'] if several else head, rows,
                 words=frozenset({0, 1} if several else {0}))


def verdict(found: Mapping[str, Any], pair: Mapping[str, Any]) -> str:
    """What the tests say of two models, a sentence for the tests over clips and one for those over runs."""
    ours, theirs = (found['models'][pair[side]]['name'] for side in 'ab')
    corrected = ', Holm-corrected' if len(found['pairs']) > 1 else ''
    told = []
    for key in ('uar', 'war'):
        test = pair[key]
        clear = test['holm'] < 1 - found['bootstrap']['level']
        told.append(f'{key.upper()} {points(test["difference"])} [{points_range(test)}] points, p '
                    f'{chance(test["holm"], equals=True)}{corrected}, '
                    f'{"a difference" if clear else "no clear difference"}')
    clips = pair['clips']
    lines = [f'{ours} against {theirs}: {"; ".join(told)}.',
             f'{ours} alone is right on {clips["better"]} clips, {theirs} alone on {clips["worse"]} (McNemar, p '
             f'{chance(clips["holm"], equals=True)}{corrected}).']
    runs = pair['wilcoxon_uar']
    if runs['pairs'] < 2:
        lines.append('One training each: whether another one would give the same order is not measured.')
    elif not runs['enough']:
        lines.append(f'{runs["differ"]} pairs of trainings cannot reach p < 0.05 by Wilcoxon (least '
                     f'{chance(runs["least"])}): that needs {found["pairs_needed"]}.')
    else:
        lines.append(f'Over {runs["pairs"]} pairs of trainings Wilcoxon gives p {chance(runs["holm"], equals=True)} '
                     'for UAR.')
    return ' '.join(lines)


def class_table(found: Mapping[str, Any], pair: Mapping[str, Any]) -> Table:
    """Recall of each class by both models, A and B, the difference, and the clips that one has right more often."""
    one, other = (found['models'][pair[side]] for side in 'ab')
    sides = {side: Counter(row['label'] for row in pair['changed'] if row['better'] == side) for side in 'ab'}
    rows = []
    for label, name in enumerate(found['classes']):
        if one['recall'][label] is None:
            rows.append([name, 'no clip', '', '', '', ''])
            continue
        rows.append([name, *(percent(model['recall'][label]['mean']) for model in (one, other)),
                     points(pair['recall'][label]['difference']), points_range(pair['recall'][label]),
                     f'{sides["a"][name]} : {sides["b"][name]}'])
    return Table(('class', 'recall, A', 'recall, B', 'A − B', '95 %', 'right by A alone : by B'), rows)


def changed_table(found: Mapping[str, Any], pair: Mapping[str, Any]) -> Table:
    """The first clips that changed side, as many of either; ``changed_clips.csv`` has all."""
    one, other = (found['models'][pair[side]]['name'] for side in 'ab')
    rows = [[row['id'], row['label'], *(', '.join(dict.fromkeys(row[side])) for side in 'ab')]
            for better in 'ab' for row in [row for row in pair['changed'] if row['better'] == better][:SHOWN // 2]]
    return Table(('clip', 'class', f'said by {one}', f'said by {other}'), rows, words=frozenset(range(4)))
