"""What can be run: the configs of the metafiles and the rows of the papers' tables, listed with the papers' figures.

A ``metafile.yml`` beside each family of configs is in OpenMMLab's model-index format, with ``Tunable Parameters`` among
the ``Metadata``. Nothing here builds a model or imports PyTorch.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..config_names import check_path, config_root, find_file
from ..config_rows import RowFile, find_row, read_rows, row_files, row_names
from ..footnotes import Footnotes
from ..names import nearest
from ..runs.published import SETS, paper_row, printed_pairs, read_neighbours
from ..runs.published.quoting import NOT_TOLD

NEIGHBOURS = 'neighbours'


@dataclass(frozen=True)
class ListedConfig:
    """A config that can be run.

    Args:
        name: what commands call it.
        model: the model in words.
        datasets: short names of its sets; the first is meant where none is named.
        tunable: parameters that train, on the first.
        total: all parameters; ``None`` for a row.
        published: the paper's UAR and WAR in per cent, by set.
        published_tunable: the paper's count, if it gives one.
        remarks: what contradicts or limits the paper's figures, by set.
        measured: our UAR and WAR in per cent, by the set as the metafile names it.
        path: the config's file, or for a row the file of rows, below the configs folder.
    """
    name: str
    model: str
    datasets: tuple[str, ...]
    tunable: int | None
    total: int | None = None
    published: Mapping[str, Sequence[float]] = field(default_factory=dict)
    published_tunable: float | None = None
    remarks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    measured: Mapping[str, Sequence[float]] = field(default_factory=dict)
    path: str = ''


def list_configs(text: str = '', rows: bool = True) -> list[ListedConfig]:
    """The configs whose name or model holds a text, in the order of the metafiles, and then the rows.

    Args:
        text: any case; empty for all.
        rows: with the rows of the papers' tables.

    Raises:
        ValueError: for a text that nothing holds, naming the nearest names.

    Example:
        >>> import mmdfer
        >>> [config.name for config in mmdfer.list_configs('fe_adapter_vitb_f')]
        ['fe_adapter_vitb_ferv39k']
    """
    every = [config for file in metafiles() for config in _of_metafile(file)]
    if rows:
        every += [config for path in row_files().values() for config in _of_rows(read_rows(path))]
    found = [one for one in every if text.lower() in one.name.lower() or text.lower() in one.model.lower()]
    if not found:
        raise ValueError(f'{text}: no such config; {nearest(text, [one.name for one in every])}')
    return found


def read_tunable(name: str) -> int | None:
    """Parameters that a config trains, as its metafile or its row tells; ``None`` for one of neither."""
    row = find_row(name)
    if row is not None:
        return row[0].tunable
    models = (model for file in metafiles() for model in read_metafile(file)['Models'])
    return next((model['Metadata']['Tunable Parameters'] for model in models
                 if model['Config'] == f'configs/{name.removeprefix("configs/").removesuffix(".py")}.py'), None)


def metafiles() -> list[Path]:
    """The metafile of each family, the papers' own configs first."""
    root = config_root()
    return sorted(root.rglob('metafile.yml'), key=lambda path: (len(path.parts), path))


def read_metafile(path: str | Path) -> dict[str, Any]:
    """A metafile's ``Collections`` and ``Models``."""
    return yaml.load(Path(path).read_text(encoding='utf-8'), getattr(yaml, 'CSafeLoader', yaml.SafeLoader))


def _of_metafile(path: Path) -> list[ListedConfig]:
    listed = []
    for model in read_metafile(path)['Models']:
        about, name = model['Metadata'], model['Config'].removeprefix('configs/').removesuffix('.py')
        dataset = about['Training Data'].lower().replace(' ', '_')
        paper = paper_row(model['Name'], dataset) or {}
        known = paper.get('uar') is not None and paper.get('war') is not None
        words = [model['In Collection'], about['Architecture'], model.get('Description')]
        words = words[about['Architecture'].startswith(model['In Collection']):]
        measured = {
            one['Dataset']: (one['Metrics']['UAR'], one['Metrics']['WAR']) for one in model.get('Results') or ()
        }
        listed.append(
            ListedConfig(name, ', '.join(word for word in words if word), (dataset, ), about['Tunable Parameters'],
                         about['Parameters'], {dataset: (100 * paper['uar'], 100 * paper['war'])} if known else {},
                         paper.get('tunable') if known else None, {dataset: paper['remarks']} if known else {},
                         measured, f'{name}.py'))
    return listed


def _of_rows(file: RowFile) -> list[ListedConfig]:
    return [
        ListedConfig(row.name(), f'{file.title}: {row.group}, {row.title}', row.sets, row.tunable, None,
                     printed_pairs(row.stem, row.sets), path=f'ablations/{file.path.name}') for row in file.rows
    ]


def config_table(configs: Sequence[ListedConfig]) -> str:
    """Name, model, sets, tunable parameters and the paper's UAR / WAR of configs, aligned for a terminal."""
    lines = [('name', 'model', 'set', 'tunable', 'paper: UAR / WAR')]
    for one in configs:
        told = [(f'{dataset} ' if len(one.datasets) > 1 else '') + figures(pair)
                for dataset, pair in one.published.items()]
        told += [f'ours, {dataset}: {figures(pair)}' for dataset, pair in one.measured.items()]
        lines.append((one.name, one.model, ', '.join(one.datasets), '' if one.tunable is None else f'{one.tunable:,}',
                      ', '.join(told)))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return '\n'.join('  '.join([line[0].ljust(widths[0]), line[1].ljust(widths[1]), line[2].ljust(widths[2]),
                                line[3].rjust(widths[3]), line[4]]).rstrip() for line in lines)


def figures(pair: Sequence[float]) -> str:
    """UAR and WAR in per cent as tables print them."""
    return ' / '.join(f'{value:.2f}' for value in pair)


def models_table() -> str:
    """The README's table of models in Markdown: a line for each model over its sets, for a paper's rows, and for a
    family. Below it is what to know of the papers' figures."""
    notes = Footnotes()
    lines = [
        '| model | config | tunable here | in the paper | ' + ' | '.join(f'paper, {name}' for name in SETS.values()) +
        ' |', '|---|---|---:|---:|' + '---:|' * len(SETS)
    ]
    main, *families = metafiles()
    own = _of_metafile(main)
    for model in dict.fromkeys(one.model for one in own):
        lines.append(_models_line([one for one in own if one.model == model], notes))
    for path in row_files().values():
        file = read_rows(path)
        lines.append(f'| {file.title}: {len(file.rows)} rows of its tables '
                     f'| [`{path.stem}/<row>`](configs/ablations/{path.name}) '
                     f'| {_span(row.tunable for row in file.rows)} | | in the file | | |')
    for path in families:
        configs, folder = _of_metafile(path), path.parent.name
        told = [one for one in configs if one.published and folder != NEIGHBOURS]      # which have a table of their own
        lines += [_models_line([one for one in told if one.model == model], notes)
                  for model in dict.fromkeys(one.model for one in told)]
        kinds = dict.fromkeys(model['In Collection'] for model in read_metafile(path)['Models'])
        lines.append(f'| {", ".join(kinds)}: {len(configs)} configs | [`{folder}/`](configs/{folder}/README.md) '
                     f'| {_span(one.tunable for one in configs)} | | | | |')
    return '\n'.join([*lines, '', *(f'{number}. {note}' for number, note in enumerate(notes, 1))]) + '\n'


def neighbours_table() -> str:
    """The table of ``configs/neighbours/README.md`` in Markdown: what each system is, of which epoch its figures are,
    and what its release leaks; ours beside them."""
    notes = Footnotes()
    head = ('system', 'configs', 'clip', 'GFLOPs', 'tunable', 'total', 'figures are of', *SETS.values(), 'ours')
    lines = [f'| {" | ".join(head)} |', f'|---|---|---|---:|---:|---:|---|{"---:|" * (len(SETS) + 1)}']
    models = read_metafile(config_root() / NEIGHBOURS / 'metafile.yml')['Models']
    for row in read_neighbours():
        config = str(row.config or row.partly)
        names = {dataset: config.format(set=dataset) for dataset in SETS if dataset in row.figures}
        own = [model for model in models if f'{NEIGHBOURS}/{model["Name"]}' in names.values()]
        if not own:
            continue
        about, sets = own[0]['Metadata'], ','.join(names)
        remarks = [*filter(None, (row.leak(), row.remarks.get('')))]
        pairs = [_printed_pair(row.figures[dataset]) + notes.mark(filter(None, [row.remarks.get(dataset)]))
                 if dataset in row.figures else '' for dataset in SETS]
        ours = [f'{one["Dataset"]}: {figures((one["Metrics"]["UAR"], one["Metrics"]["WAR"]))}'
                for model in own for one in model.get('Results') or ()]
        cells = (row.title + (f', {row.about}' if row.about else '') + notes.mark(remarks),
                 f'`{config.removeprefix(f"{NEIGHBOURS}/").format(set=f"{{{sets}}}")}`',
                 about['Clip'], str(about['FLOPs']).removesuffix('G'), millions(about['Tunable Parameters']),
                 millions(about['Parameters']), row.told or NOT_TOLD, *pairs, ', '.join(ours) or 'not measured')
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join([*lines, '', *(f'{number}. {note}' for number, note in enumerate(notes, 1))]) + '\n'


def _printed_pair(pair: Sequence[float | None]) -> str:
    return ' / '.join('not given' if value is None else f'{value:.2f}' for value in pair)


def _models_line(configs: Sequence[ListedConfig], notes: Footnotes) -> str:
    first = configs[0]
    sets = [dataset for one in configs for dataset in one.datasets]
    stem = first.name.removesuffix(f'_{sets[0]}')
    name = f'{stem}_{{{",".join(sets)}}}' if len(sets) > 1 else first.name
    published = {dataset: pair for one in configs for dataset, pair in one.published.items()}
    paper = next((one.published_tunable for one in configs if one.published_tunable), None)
    remarks = {dataset: [remark for one in configs for remark in one.remarks.get(dataset, ())] for dataset in SETS}
    cells = [first.model, f'`{name}`', millions(first.tunable), f'{paper / 1e6:g} M' if paper else '',
             *(figures(published[dataset]) + notes.mark(remarks[dataset]) if dataset in published else ''
               for dataset in SETS)]
    return f'| {" | ".join(cells)} |'


def millions(count: int | None) -> str:
    """A count of parameters in millions, by three figures."""
    return '' if count is None else f'{count / 1e6:.3g} M' if count >= 10_000 else f'{count:,}'


def _span(counts: Iterable[int | None]) -> str:
    known = [millions(count) for count in sorted(count for count in counts if count is not None)]
    return known[0] if known[:1] == known[-1:] else f'{known[0]} to {known[-1]}'


def dump_config(name: str, file: str) -> None:
    """Write a config, or a row of a table, whole and on its own into a ``.py`` file.

    Raises:
        ValueError: for an unknown name, or a file of another kind.
    """
    if Path(file).suffix != '.py':
        raise ValueError(f'--dump {file}: a config is written as a file that ends in .py')
    row = find_row(name)
    if row is None and find_file(name) is None:
        check_path(name, row_names())
    from ..files import write_text
    from ..run_config import load_config
    about = f'{row[0].name(row[1])}: {row[0].group}, {row[0].title}' if row else name
    write_text(f'# {about}, written whole.\n' + load_config(name).pretty_text, file)
