"""The result figures of the papers: which models and sets each is of, and the function that draws it."""
from __future__ import annotations

from dataclasses import dataclass

from ...names import nearest
from ...runs.published import find_paper


@dataclass(frozen=True)
class PaperFigure:
    """A result figure.

    Args:
        paper, key: as commands name it.
        title: what it shows.
        draws: the function of :mod:`mmdfer.apis.figures` that draws it, by its place there, and what that wants first:
            ``figures`` (nothing but what is published), ``rows`` (trained models) or ``config``.
        rows: name and config of each model.
        folds: ``all`` for a panel a fold, ``first`` for one.
        sets: that it is of.
        needs: as those of tables.
    """
    paper: str
    key: str
    title: str
    draws: str
    rows: tuple[tuple[str, str], ...] = ()
    folds: str = 'first'
    sets: tuple[str, ...] = ('dfew', )
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As it is cited: ``PE-CLIP, figure 4``."""
        return f'{find_paper(self.paper).name}, figure {self.key.removeprefix("figure")}'


BUBBLES = 'tunable parameters against WAR, as published'
STAGES = (('without adapters', 'finecliper/adapters_none'), ('+ adapters', 'finecliper/base'),
          ('+ maps', 'finecliper/parsing_landmarks'), ('+ captions', 'finecliper/all'))
_ALL = (
    PaperFigure('fe_adapter', 'figure1', BUBBLES, 'figures', sets=()),
    PaperFigure('pe_clip', 'figure1', BUBBLES, 'figures', sets=()),
    PaperFigure('pe_clip', 'figure3', 'gradient attention rollout over the frames', 'rows',
                (('baseline', 'pe_clip/ta'), ('PE-CLIP', 'pe_clip/full')), needs=('clip', )),
    PaperFigure('pe_clip', 'figure4', 't-SNE of the features, a panel a fold', 'rows', (('PE-CLIP', 'pe_clip/full'), ),
                'all', needs=('clip', )),
    PaperFigure('finecliper', 'figure1', BUBBLES, 'figures', sets=()),
    PaperFigure('finecliper', 'figure4', 'captions side by side, raw and refined', 'config',
                (('captions', 'finecliper/captions'), ), needs=('captions', )),
    PaperFigure('finecliper', 'figure5', 'similarity of the video feature with class texts', 'rows',
                (('FineCLIPER', 'finecliper/base'), ), needs=('clip', )),
    PaperFigure('finecliper', 'figure6', 'attention of the last block, a row a stage', 'rows', STAGES,
                needs=('clip', 'long_clip', 'maps', 'captions')),
)
FIGURES: dict[str, dict[str, PaperFigure]] = {
    paper: {one.key: one for one in _ALL if one.paper == paper} for paper in dict.fromkeys(one.paper for one in _ALL)}
"""By paper and figure."""


def find_figure(paper: str, figure: str) -> PaperFigure:
    """A figure by paper and key.

    Raises:
        ValueError: for another one, naming the nearest.
    """
    known = FIGURES[find_paper(paper).stem]
    key = figure.lower().replace(' ', '').replace('_', '').replace('fig.', 'figure')
    if key not in known:
        raise ValueError(f'{paper} {figure}: the paper has no such figure of results; {nearest(key, known)}')
    return known[key]
