"""The result figures of the three papers, a function each.

``FIGURES['pe_clip']['figure4'].draw(rows, 'figures')`` draws PE-CLIP's Figure 4 of one's own models. Rows are those of
:func:`mmdfer.apis.explain_rows.rows_of`; what is published comes from :mod:`mmdfer.runs.published`.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..visualization.bubbles import Bubble
    from .explain_rows import Row

PAPERS = {'fe_adapter': 'FE-Adapter', 'pe_clip': 'PE-CLIP', 'finecliper': 'FineCLIPER'}
Clips = int | Sequence[str]
Path_ = str | os.PathLike


@dataclass(frozen=True)
class PaperFigure:
    """A figure of a paper.

    Args:
        title: what it shows.
        needs: what ``draw`` gets before ``out``: ``'figures'``, nothing but what is published; ``'rows'``, trained
            models; ``'config'``, a config whose set has captions.
        draw: writes it into a folder and gives the files.
    """
    title: str
    needs: str
    draw: Callable[..., list[Path]]


def fe_adapter_figure1(out: Path_, formats: Sequence[str] = ('png',), dataset: str = 'dfew',
                       runs: Sequence[Path_] = (), quoted: bool = True) -> list[Path]:
    """FE-Adapter's Figure 1: tunable parameters against WAR, a bubble a model, and the figures as ``.md`` with what
    contradicts them.

    Args:
        out: folder.
        formats: of ``png``, ``pdf`` and ``svg``.
        dataset: short name of the set.
        runs: finished runs of one's own, or folders of folds, beside the papers' models.
        quoted: whether what papers print is drawn, too.

    Raises:
        ValueError: for nothing to draw, and runs on another test set than the published figures are of.
    """
    return _bubbles('fe_adapter', out, formats, dataset, runs, quoted)


def pe_clip_figure1(out: Path_, formats: Sequence[str] = ('png',), dataset: str = 'dfew', runs: Sequence[Path_] = (),
                    quoted: bool = True) -> list[Path]:
    """PE-CLIP's Figure 1; arguments as for :func:`fe_adapter_figure1`."""
    return _bubbles('pe_clip', out, formats, dataset, runs, quoted)


def finecliper_figure1(out: Path_, formats: Sequence[str] = ('png',), dataset: str = 'dfew', runs: Sequence[Path_] = (),
                       quoted: bool = True) -> list[Path]:
    """FineCLIPER's Figure 1; arguments as for :func:`fe_adapter_figure1`."""
    return _bubbles('finecliper', out, formats, dataset, runs, quoted)


def pe_clip_figure3(rows: Sequence[Row], out: Path_, formats: Sequence[str] = ('png',), clips: Clips = 4,
                    target: str = 'predicted', device: str | None = None) -> list[Path]:
    """PE-CLIP's Figure 3: gradient attention rollout over the frames of clips, a row a model, such as the paper's
    baseline and PE-CLIP; arguments as for :func:`mmdfer.apis.explain.explain`."""
    from .explain import explain
    return explain(rows, out, ['rollout'], clips, target, formats, device=device, prefix='pe_clip_figure3_')


def pe_clip_figure4(rows: Sequence[Row], out: Path_, formats: Sequence[str] = ('png',), seed: int = 0,
                    kinds: Sequence[str] = ('tsne',), device: str | None = None) -> list[Path]:
    """PE-CLIP's Figure 4: t-SNE of the clips' features, a panel a fold (a row each), with the silhouette.

    ``kinds`` is of ``tsne`` and ``umap``; other arguments as for :func:`mmdfer.apis.explain.explain`.
    """
    from .explain import explain
    return explain(rows, out, kinds, formats=formats, seed=seed, device=device, prefix='pe_clip_figure4_')


def finecliper_figure4(cfg: Config, out: Path_, formats: Sequence[str] = ('png',), captions: Sequence[Path_] = (),
                       clips: Clips = 2) -> list[Path]:
    """FineCLIPER's Figure 4: captions of clips side by side, such as raw and refined ones.

    Args:
        cfg: a config whose test set the clips are of.
        out, formats, clips: as for :func:`mmdfer.apis.explain.explain`.
        captions: two files or more. Defaults to the set's raw and refined ones.
    """
    from .explain import explain_captions
    return explain_captions(cfg, out, clips, formats, captions, prefix='finecliper_figure4_')


def finecliper_figure5(rows: Sequence[Row], out: Path_, formats: Sequence[str] = ('png',),
                       device: str | None = None) -> list[Path]:
    """FineCLIPER's Figure 5: similarity of the video feature with the text of each class, positive and negative."""
    from .explain import explain
    return explain(rows, out, ['similarity'], formats=formats, device=device, prefix='finecliper_figure5_')


def finecliper_figure6(rows: Sequence[Row], out: Path_, formats: Sequence[str] = ('png',), clips: Clips = 4,
                       device: str | None = None) -> list[Path]:
    """FineCLIPER's Figure 6: attention of the last block, a row a stage of the model (base, + adapters, + maps,
    + captions); arguments as for :func:`mmdfer.apis.explain.explain`."""
    from .explain import explain
    return explain(rows, out, ['attention'], clips, formats=formats, device=device, prefix='finecliper_figure6_')


BUBBLES = 'tunable parameters against WAR'
FIGURES: dict[str, dict[str, PaperFigure]] = {
    'fe_adapter': {'figure1': PaperFigure(BUBBLES, 'figures', fe_adapter_figure1)},
    'pe_clip': {
        'figure1': PaperFigure(BUBBLES, 'figures', pe_clip_figure1),
        'figure3': PaperFigure('gradient attention rollout over the frames', 'rows', pe_clip_figure3),
        'figure4': PaperFigure('t-SNE of the features, a panel a fold', 'rows', pe_clip_figure4),
    },
    'finecliper': {
        'figure1': PaperFigure(BUBBLES, 'figures', finecliper_figure1),
        'figure4': PaperFigure('captions side by side', 'config', finecliper_figure4),
        'figure5': PaperFigure('similarity of the video feature with class texts', 'rows', finecliper_figure5),
        'figure6': PaperFigure('attention of the last block, a row a stage', 'rows', finecliper_figure6),
    },
}
"""By paper and figure."""


def _bubbles(paper: str, out: Path_, formats: Sequence[str], dataset: str, runs: Sequence[Path_],
             quoted: bool) -> list[Path]:
    from ..files import write_text
    from ..visualization.bubbles import bubble_table, plot_bubbles
    from ..visualization.figure import check_formats, save_formats
    check_formats(formats)
    bubbles = [*(published_bubbles(paper, dataset) if quoted else ()), *_own_bubbles(runs, dataset, quoted)]
    title = f'tunable parameters and WAR on {dataset.upper()}, as {PAPERS[paper]} prints them' if quoted else BUBBLES
    stem = Path(out) / f'{paper}_figure1'
    written = save_formats(plot_bubbles(bubbles, None, title), stem, formats)
    write_text(f'# {title}\n\n{bubble_table(bubbles)}', f'{stem}.md')
    return [*written, Path(f'{stem}.md')]


def published_bubbles(paper: str, dataset: str) -> list[Bubble]:
    """Models of a paper's comparison on a set that have both a number of parameters and a WAR there.

    Raises:
        ValueError: for another paper.
    """
    from ..runs.published import find_paper
    from ..visualization.bubbles import Bubble
    found: dict[str, Bubble] = {}
    for table in find_paper(paper).tables.values():
        for row in table.rows if table.compares else ():
            war = row.figures.get(dataset, (None, None))[1]
            if row.tunable and war is not None:
                found.setdefault(row.row, Bubble(row.title, 1e6 * row.tunable, war / 100,
                                                 'paper' if row.own else 'other', row.about if row.own else None,
                                                 tuple(table.remarks_on(row, dataset))))
    return list(found.values())


def _own_bubbles(runs: Sequence[Path_], dataset: str, quoted: bool) -> list[Bubble]:
    from ..runs.groups import find_runs
    from ..runs.summary import summary_rows
    from ..visualization.bubbles import Bubble
    found = []
    for path in runs:
        for row in summary_rows(find_runs(path)):
            if row['war'] is None or not row['tunable']:
                raise ValueError(f'{path}: {row["name"]} has no WAR or no number of tunable parameters')
            if quoted and (row['dataset'] != dataset or not row['comparable']):
                raise ValueError(f'{path}: {row["name"]} is of {row["title"] or row["dataset"]}, not of the test clips '
                                 f'of {dataset.upper()} that papers\' figures are of: draw it without them '
                                 '(quoted=False)')
            found.append(Bubble(row['name'] if quoted else f'{row["name"]}, {row["title"] or row["dataset"]}',
                                row['tunable'], row['war'], 'ours'))
    return found
